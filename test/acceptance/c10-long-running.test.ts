import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import { afterEach, describe, expect, inject, it } from 'vitest';
import type { WriteRule } from '../../local/azure/operations.ts';
import type { EngineHarness } from '../support/engine-harness.ts';
import { expectGuarantees, outcomesOf, runsOf } from './c10-guarantees.ts';
import { addRequiredTags, disableAdminUser, type Scene, scenes, startScene } from './remediation-scenes.ts';

let engine: EngineHarness;

afterEach(async () => {
  await engine.stop();
});

const POLL = /\/operationStatuses\//;

/** The product's own PATCH becomes long-running; the operator's stays as it is. */
async function startLongRunning(scene: Scene, rule: Omit<WriteRule, 'method'>): Promise<void> {
  engine = await startScene(scene);
  scene.violate(engine);
  engine.simulator.operations.rules.push({ method: 'PATCH', retryAfterSeconds: 0, ...rule });
}

function stopFailing(): void {
  engine.simulator.operations.rules.length = 0;
}

describe('modes of a write', () => {
  for (const scene of scenes) {
    for (const mode of [200, 201, 202, 'async'] as const) {
      it(`${scene.remediationId} succeeds when writes are answered ${mode}`, async () => {
        // The tags API is not polled: its operation ends by itself, and the read-back sees it.
        await startLongRunning(scene, {
          mode,
          ...(scene === addRequiredTags ? { milliseconds: 20_000 } : { polls: 0 }),
        });

        await engine.settle();

        expect(outcomesOf(engine)).toEqual(['fixed']);
        expect(scene.isFixed(engine)).toBe(true);
        expectGuarantees(engine);
      });
    }
  }
});

describe('an operation that fails after it was accepted', () => {
  const passing = ['InternalOperationError', 'OperationTimedOut', 'TooManyRequests', 'AnotherOperationInProgress'];
  const final = [
    ['AuthorizationFailed', 'denied'],
    ['RequestDisallowedByPolicy', 'denied-by-policy'],
    ['ScopeLocked', 'locked'],
    ['SkuNotSupported', 'failed'],
  ] as const;

  for (const code of passing) {
    it(`is tried again after ${code}`, async () => {
      await startLongRunning(disableAdminUser, {
        mode: 201,
        polls: 0,
        result: 'Failed',
        error: { code, message: 'as told' },
      });
      engine.simulator.faults.add({ path: POLL, effect: { kind: 'after', run: stopFailing } });

      await engine.settle();

      expect(runsOf(engine)).toMatchObject([
        { outcome: 'retry', reason: code },
        { outcome: 'fixed', previousRunId: runsOf(engine)[0]?.runId },
      ]);
      expect(disableAdminUser.isFixed(engine)).toBe(true);
      expectGuarantees(engine);
    });
  }

  for (const [code, outcome] of final) {
    it(`ends ${outcome} after ${code}, with the finding open`, async () => {
      await startLongRunning(disableAdminUser, {
        mode: 201,
        polls: 0,
        result: 'Failed',
        error: { code, message: 'as told' },
      });

      await engine.settle();

      expect(runsOf(engine)).toMatchObject([{ outcome, reason: code }]);
      expect(disableAdminUser.isFixed(engine)).toBe(false);
      expect(engine.findings()).toMatchObject([{ status: 'open', lastOutcome: outcome, attempts: 1 }]);
      expectGuarantees(engine);
    });
  }

  it('goes on in the same run after it was cancelled', async () => {
    await startLongRunning(disableAdminUser, { mode: 201, polls: 0, result: 'Canceled' });
    engine.simulator.faults.add({ path: POLL, effect: { kind: 'after', run: stopFailing } });

    await engine.settle();

    expect(outcomesOf(engine)).toEqual(['fixed']);
    expect(disableAdminUser.isFixed(engine)).toBe(true);
    expectGuarantees(engine);
  });
});

describe('an accepted operation whose progress cannot be read', () => {
  const answers = {
    'a poll URL that is gone': { status: 404, body: { error: { code: 'OperationNotFound', message: 'gone' } } },
    'a throttled poll': { status: 429, headers: { 'retry-after': '7' } },
    'a poll answered 500': { status: 500 },
    'a poll answered with HTML': { status: 502, body: '<html>bad gateway</html>' },
    'a poll answered 400': { status: 400, body: { error: { code: 'BadRequest', message: 'no' } } },
  };

  for (const [name, answer] of Object.entries(answers)) {
    it(`is judged by the read-back: ${name}`, async () => {
      await startLongRunning(disableAdminUser, { mode: 201, polls: 0 });
      const fault = engine.simulator.faults.add({ path: POLL, effect: { kind: 'answer', ...answer } });
      engine.simulator.faults.add({
        path: POLL,
        effect: { kind: 'after', run: () => engine.simulator.operations.finishAll() },
      });

      await engine.settle();

      expect(fault.matched).toBe(1);
      expect(runsOf(engine)).toMatchObject([{ outcome: 'fixed' }]);
      expect(JSON.parse(runsOf(engine)[0]?.record.operations ?? '[]')).toContainEqual(
        expect.objectContaining({ operation: 'registries.update', result: 'unknown' }),
      );
      expect(disableAdminUser.isFixed(engine)).toBe(true);
      expectGuarantees(engine);
    });
  }

  it('is denied when polls are not allowed, whatever became of the write', async () => {
    await startLongRunning(disableAdminUser, { mode: 201, polls: 0 });
    engine.simulator.faults.add({
      path: POLL,
      effect: { kind: 'answer', status: 403, body: { error: { code: 'AuthorizationFailed', message: 'no' } } },
    });

    await engine.settle();

    expect(outcomesOf(engine)).toEqual(['denied']);
    expectGuarantees(engine);
  });

  it('refuses to poll another host, sends it nothing, and lets the read-back decide', async () => {
    const { server, heard, port } = await startStranger();
    await startLongRunning(disableAdminUser, { mode: 201, polls: 0 });
    engine.simulator.faults.add({
      method: 'PATCH',
      caller: 'dockwarden',
      effect: { kind: 'foreign-host', host: `localhost:${port}` },
    });
    engine.simulator.faults.add({
      method: 'PATCH',
      caller: 'dockwarden',
      effect: { kind: 'after', run: () => engine.simulator.operations.finishAll() },
    });

    await engine.settle();
    server.close();

    expect(heard).toEqual([]);
    expect(outcomesOf(engine)).toEqual(['fixed']);
    expectGuarantees(engine);
  });

  it('waits for an operation that takes longer than a worker may, and then finds it done', async () => {
    await startLongRunning(addRequiredTags, { mode: 202, milliseconds: 240_000 });

    await engine.settle();

    expect(outcomesOf(engine)).toEqual(['fixed']);
    expect(engine.mutations()).toHaveLength(1);
    expectGuarantees(engine);
  });
});

/** Another HTTPS server that trusts nobody and notes who calls. */
async function startStranger(): Promise<{ server: Server; heard: string[]; port: number }> {
  const { certFile, keyFile } = inject('certificates');
  const heard: string[] = [];
  const server = createServer({ cert: readFileSync(certFile), key: readFileSync(keyFile) }, (request, response) => {
    heard.push(request.headers.authorization ?? 'no token');
    response.end('{"status":"Succeeded"}');
  });
  server.on('connection', () => heard.push('connection'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the stranger does not listen');
  return { server, heard, port: address.port };
}
