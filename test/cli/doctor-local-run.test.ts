import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, inject, it, vi } from 'vitest';
import { DEPLOYED } from '../../local/azure/sample-deployment-ids.ts';
import { runCommandLine } from '../../src/cli/program.ts';
import { startHarness } from '../simulator/harness.ts';

let harness: Awaited<ReturnType<typeof startHarness>>;
let directory: string;
beforeAll(async () => {
  harness = await startHarness();
  directory = await mkdtemp(join(tmpdir(), 'dockwarden-doctor-'));
});
afterAll(async () => {
  await harness.stop();
  await rm(directory, { recursive: true, force: true });
});
afterEach(() => {
  vi.unstubAllEnvs();
});

// In a file of its own: the client keeps a token for as long as its process lives.
it('doctor says of a local run that gives no token that it has to be started again', async () => {
  const { simulator } = harness;
  const { endpoint } = simulator.identityEndpoint('operator');
  const content = {
    pid: process.pid,
    arm: simulator.armEndpoint,
    caFile: inject('certificates').caFile,
    identities: { operator: { endpoint, header: 'of an earlier run' } },
    storage: { blob: 'https://localhost:1', queue: 'https://localhost:1', table: 'https://localhost:1' },
    app: DEPLOYED.site,
  };
  await writeFile(join(directory, 'run.json'), JSON.stringify(content));
  vi.stubEnv('IDENTITY_ENDPOINT', undefined);
  vi.stubEnv('IDENTITY_HEADER', undefined);
  const out: string[] = [];
  const errors: string[] = [];
  const exitCode = await runCommandLine(['doctor', '--directory', directory], {
    readInput: async () => await Promise.resolve(''),
    print: (line) => out.push(line),
    printError: (line) => errors.push(line),
  });

  expect([exitCode, out]).toEqual([1, []]);
  expect(errors).toEqual(['dockwarden: the local run gives no token: start it again with "npm start"']);
});
