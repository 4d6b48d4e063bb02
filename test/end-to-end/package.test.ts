import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { unzipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createPackage } from '../../scripts/package.ts';
import { functionNames } from '../../src/functions/health.ts';
import { deployFolder, type EndToEnd, ensureBuilt, patient, startEndToEnd } from './harness.ts';

/** Secrets in settings, as storage accounts, Event Hubs and topics of Event Grid give them out. */
const IS_CONNECTION_STRING = /AccountKey=|SharedAccessKey=|SharedAccessSignature=|UseDevelopmentStorage=|[?&]sig=/i;

/** The zip that is deployed, unpacked as the platform does it, in a host that has identities and nothing else. */
describe('the package', () => {
  let unpacked: string;
  let app: EndToEnd;

  beforeAll(async () => {
    await ensureBuilt();
    unpacked = await mkdtemp(join(tmpdir(), 'dockwarden-unpacked-'));
    for (const [name, content] of Object.entries(unzipSync(await createPackage(deployFolder)))) {
      await mkdir(dirname(join(unpacked, name)), { recursive: true });
      await writeFile(join(unpacked, name), content);
    }
    app = await startEndToEnd({ app: unpacked });
  });
  afterAll(async () => {
    await app.end();
    await rm(unpacked, { recursive: true });
  });

  test('has what the platform looks for at its root, and no source maps', async () => {
    const names = await readdir(unpacked);

    expect(names).toEqual(expect.arrayContaining(['host.json', 'main.cjs', 'package.json']));
    expect(names.filter((name) => name.endsWith('.map'))).toEqual([]);
  });

  test('connects with identities: no setting is a connection string or a key', () => {
    const secrets = Object.entries(app.settings).filter(([, value]) => IS_CONNECTION_STRING.test(value));

    expect(secrets).toEqual([]);
    expect(app.settings).not.toHaveProperty('AzureWebJobsStorage');
    expect(app.settings).toMatchObject({
      AzureWebJobsStorage__credential: 'managedidentity',
      AzureWebJobsStorage__queueServiceUri: expect.stringMatching(/^https:\/\/localhost:/),
      DefenderEventHub__credential: 'managedidentity',
    });
    expect(IS_CONNECTION_STRING.test('DefaultEndpointsProtocol=https;AccountName=a;AccountKey=b')).toBe(true);
  });

  test('registers every function, and the host runs all of them', async () => {
    const functions = await app.host().functions();

    expect(functions.map(({ name }) => name).toSorted()).toEqual([...functionNames].toSorted());
    expect(functions.filter(({ errors = [] }) => errors.length > 0)).toEqual([]);
  });

  test('takes an event through to the audit', async () => {
    await app.registries('operator').update('rg-platform-prod', 'contosoacr', { adminUserEnabled: true });

    const [outcome] = await app.outcomes('contosoacr');

    expect(outcome).toMatchObject({ policyId: 'acr-admin-user-disabled', outcome: 'fixed', causeKind: 'event' });
  });

  test('is healthy once it has swept', async () => {
    await app.sweep();

    await vi.waitFor(async () => {
      const response = await fetch(`${app.host().url}/api/health`);
      expect({ status: response.status, body: await response.json() }).toMatchObject({
        status: 200,
        body: { status: 'healthy' },
      });
    }, patient);
  });
});
