import { readFileSync } from 'node:fs';
import { TableClient } from '@azure/data-tables';
import { ContainerClient } from '@azure/storage-blob';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it, vi } from 'vitest';
import { createSampleIdentities, createSampleSubscription } from '../../local/azure/sample-subscription.ts';
import { type AzureSimulator, startAzureSimulator } from '../../local/azure/simulator.ts';
import { createRegistry, provideCoreModule } from '../../local/host/core-module.ts';
import { createInvoker } from '../../local/host/invocation.ts';
import { parseResourceId } from '../../src/resources/resource-id.ts';
import { hashOf } from '../../src/storage/resource-key.ts';
import { type RefusingStorage, startRefusingStorage } from '../poison/refusing-storage.ts';
import { claimStorageAccount, type TestStorage } from '../support/storage.ts';

const GROUP = '/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg-shop/providers';
const CLUSTER = `${GROUP}/Microsoft.ContainerService/managedClusters/shop-cluster`;
const REGISTRY = `${GROUP}/Microsoft.ContainerRegistry/registries/shopregistry`;

/** How often the host has waited before it tried again, and what happens meanwhile. */
let waits = 0;
let mend: () => void = giveUp;
let simulator: AzureSimulator;
let storage: TestStorage;
let refusing: RefusingStorage | undefined;
const registry = createRegistry(() => undefined);
const invoker = createInvoker({
  registry,
  log: () => undefined,
  timeoutMs: 30_000,
  delay: async () => {
    waits += 1;
    mend();
    await Promise.resolve();
  },
  writeOutputs: async () => await Promise.resolve(),
  onTimeout: (error) => {
    throw error;
  },
});

function giveUp(): never {
  throw new Error('the partition stands still');
}

beforeAll(async () => {
  provideCoreModule(registry);
  await import('../../src/main.ts');
  const { certFile, keyFile } = inject('certificates');
  simulator = await startAzureSimulator({
    certificates: { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') },
    seed: createSampleSubscription(),
    identities: createSampleIdentities([]),
  });
});

afterAll(async () => {
  await simulator.stop();
});

beforeEach(() => {
  storage = claimStorageAccount();
  const { endpoint, header } = simulator.identityEndpoint('dockwarden');
  const settings = {
    IDENTITY_ENDPOINT: endpoint,
    IDENTITY_HEADER: header,
    DOCKWARDEN_ARM_ENDPOINT: simulator.armEndpoint,
    AzureWebJobsStorage__blobServiceUri: storage.blob,
    AzureWebJobsStorage__queueServiceUri: storage.queue,
    AzureWebJobsStorage__tableServiceUri: storage.table,
    SWEEP_SCHEDULE: '0 0 * * * *',
  };
  for (const [name, value] of Object.entries(settings)) vi.stubEnv(name, value);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  [waits, mend] = [0, giveUp];
  await refusing?.stop();
  refusing = undefined;
});

/** Storage answers like this to each body that is to be kept. */
async function refuseBodies(status: number): Promise<void> {
  refusing = await startRefusingStorage({ container: 201, blob: status });
  vi.stubEnv('AzureWebJobsStorage__blobServiceUri', refusing.endpoint);
}

/** What the reader of the Event Hub hands over: one text for each event. */
async function arrive(...messages: readonly (object | string)[]): Promise<void> {
  const target = registry.functions.get('defenderAlerts');
  if (target === undefined) throw new Error('there is no such function');
  const string = messages.map((message) => (typeof message === 'string' ? message : JSON.stringify(message)));
  await invoker.invoke(target, { data: { collectionString: { string } } });
}

function alert(SystemAlertId: string, change: Readonly<Record<string, unknown>> = {}): object {
  return {
    SystemAlertId,
    AlertType: 'K8S_ExposedDashboard',
    AlertDisplayName: 'Exposed dashboard',
    TimeGenerated: new Date().toISOString(),
    Severity: 'Medium',
    Status: 'New',
    AzureResourceId: CLUSTER,
    ...change,
  };
}

async function rowsOf(name: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const client = new TableClient(storage.table, name, storage.credential);
  await client.createTable();
  return await Array.fromAsync(client.listEntities());
}

const alertIds = async () => (await rowsOf('alerts')).map(({ id }) => String(id)).toSorted(inOrder);
const inputs = async () =>
  (await rowsOf('audit'))
    .map(({ reason, error }) => ({ reason, error }))
    .toSorted((one, other) => inOrder(String(one.reason), String(other.reason)));

function inOrder(one: string, other: string): number {
  return one.localeCompare(other);
}

/** Somebody edits the row of the cluster: an alert about it can be stored, and its resource not marked. */
async function damageWork(): Promise<void> {
  const hash = hashOf(parseResourceId(CLUSTER));
  const client = new TableClient(storage.table, 'work', storage.credential);
  await client.createTable();
  await client.upsertEntity({ partitionKey: hash.slice(0, 2), rowKey: hash, pending: 'not JSON' });
}

describe('a message of the Event Hub that storage will never keep', () => {
  it.each([400, 413])(
    'is on record with the reason, and neither its neighbours nor the partition wait: %i',
    async (status) => {
      await refuseBodies(status);
      await damageWork();
      await arrive(
        '{"AlertType":"K8S_Cut',
        alert('a1'),
        alert('a2', { AzureResourceId: `${REGISTRY}/odd` }),
        alert('a3', { AzureResourceId: REGISTRY }),
      );

      expect(waits).toBe(0);
      expect(await alertIds()).toEqual(['a1', 'a3']);
      const error = expect.stringMatching(new RegExp(`; it cannot be kept: .*${status}`));
      expect(await inputs()).toEqual([
        { reason: 'invalid-resource-id', error },
        { reason: 'not-json', error },
        { reason: 'poison', error },
      ]);
    },
  );
});

describe('a message of the Event Hub that storage does not keep now', () => {
  it.each([403, 503])('comes again, and its neighbours are taken in at once: %i', async (status) => {
    await refuseBodies(status);
    await damageWork();
    let meanwhile: Promise<unknown> | undefined;
    mend = () => {
      meanwhile = alertIds();
      vi.stubEnv('AzureWebJobsStorage__blobServiceUri', storage.blob);
    };
    await arrive(alert('a1'), 'rubbish', alert('a2', { AzureResourceId: REGISTRY }));

    expect(waits).toBe(1);
    expect(await meanwhile).toEqual(['a1', 'a2']);
    expect((await inputs()).map(({ reason }) => reason)).toEqual(['not-json', 'poison']);
    const kept = new ContainerClient(`${storage.blob}/poison`, storage.credential);
    expect(await Array.fromAsync(kept.listBlobsFlat())).toHaveLength(2);
  });
});

describe('a batch of the Event Hub that comes again for one of its messages', () => {
  it('leaves one row for each of the others', async () => {
    await damageWork();
    vi.stubEnv('AzureWebJobsStorage__queueServiceUri', 'https://localhost:9/nobody');
    mend = () => {
      if (waits === 3) vi.stubEnv('AzureWebJobsStorage__queueServiceUri', storage.queue);
    };
    await arrive(
      alert('a1'),
      alert('a2', { AzureResourceId: REGISTRY }),
      alert('a3', { AlertDisplayName: '[SAMPLE ALERT] x' }),
      alert('a4', { Status: 'Resolved' }),
      alert('a5', { AzureResourceId: `${REGISTRY}/odd` }),
      { foo: 1 },
    );

    expect(waits).toBe(3);
    expect((await inputs()).map(({ reason }) => reason)).toEqual([
      'alert-closed',
      'invalid-resource-id',
      'poison',
      'sample-alert',
      'unknown-envelope',
    ]);
  });
});
