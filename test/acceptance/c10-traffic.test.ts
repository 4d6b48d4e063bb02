import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import type { Fault } from '../../local/azure/faults.ts';
import { sweepResources } from '../../src/engine/sweep.ts';
import { type AzureHarness, startAzure } from '../azure/azure-harness.ts';
import { ENFORCING, type EngineHarness, startEngine } from '../support/engine-harness.ts';
import { ALL_ACTIONS } from '../support/product-role.ts';
import { outcomesOf } from './c10-guarantees.ts';
import { scenes } from './remediation-scenes.ts';

const root = resolve(import.meta.dirname, '../..');
const checker = resolve(root, '../shared/contract/check-traffic.mjs');
const run = promisify(execFile);

const arm = (code: string) => ({ error: { code, message: 'as told' } });
/** What Azure really answers when something is wrong; a lost answer is none. */
const refusals: readonly (Fault['effect'] | undefined)[] = [
  undefined,
  { kind: 'answer', status: 409, body: arm('AnotherOperationInProgress') },
  { kind: 'answer', status: 412, body: arm('PreconditionFailed') },
  { kind: 'answer', status: 429, headers: { 'retry-after': '3' }, body: arm('TooManyRequests') },
  { kind: 'answer', status: 500, body: arm('InternalServerError') },
  { kind: 'apply-then-drop' },
  { kind: 'stale-read' },
];

/** The product's loop over a simulated Azure that writes everything down. */
async function startRecording(file: string): Promise<{ engine: EngineHarness; azure: AzureHarness }> {
  const waiting: EngineHarness['events'] = [];
  const azure = await startAzure({ actions: ALL_ACTIONS, recordTo: file, onEvent: (event) => waiting.push(event) });
  azure.simulator.limits.enabled = false;
  const engine = await startEngine({
    environment: ENFORCING,
    wrapContext: (context) => ({ ...context, clients: azure.clients }),
  });
  const settle = async () => {
    engine.events.push(...waiting.splice(0));
    await engine.settle();
    if (waiting.length > 0) await settle();
  };
  return { azure, engine: { ...engine, simulator: azure.simulator, settle } };
}

it.skipIf(!existsSync(checker))(
  'all traffic of the fixes is valid against the published OpenAPI (skipped where the contract checker is not there)',
  { timeout: 60_000 },
  async () => {
    const directory = await mkdtemp(join(tmpdir(), 'c10-traffic-'));
    const file = join(directory, 'traffic.ndjson');
    const { azure, engine } = await startRecording(file);
    const { simulator } = azure;

    for (const effect of refusals) {
      for (const mode of [200, 'async'] as const) {
        for (const scene of scenes) {
          simulator.operations.rules.length = 0;
          scene.violate(engine);
          simulator.operations.rules.push({ mode, method: 'PATCH', polls: 0 });
          const write = scene.calls.find(({ kind }) => kind === 'write');
          if (effect !== undefined)
            simulator.faults.add({ method: write?.method ?? 'PATCH', caller: 'dockwarden', effect });
          await engine.settle();
          simulator.operations.finishAll();
          await engine.settle();
          simulator.faults.clear();
        }
      }
    }
    await sweepResources(engine.context());
    await engine.settle();
    const outcomes = new Set(outcomesOf(engine));
    await azure.stop();
    await engine.stop();
    const exchanges = (await readFile(file, 'utf8')).trim().split('\n');
    const report = await run(process.execPath, [checker, file], { cwd: root, maxBuffer: 20_000_000 }).catch(
      (error: unknown) => ({ stdout: String(Reflect.get(Object(error), 'stdout')) }),
    );
    await rm(directory, { recursive: true, force: true });

    expect(outcomes).toContain('fixed');
    expect(outcomes).toContain('retry');
    expect(exchanges.length).toBeGreaterThan(100);
    expect(report.stdout.split('\n').filter((line) => line.includes('  invalid  '))).toEqual([]);
    expect(report.stdout).toMatch(/ pairs: [1-9]\d* valid, 0 invalid/);
  },
);
