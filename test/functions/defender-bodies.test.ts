import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { parseResourceId } from '../../src/resources/resource-id.ts';
import { hashOf } from '../../src/storage/resource-key.ts';
import { type RefusingStorage, startRefusingStorage } from '../poison/refusing-storage.ts';
import { type FunctionApp, startFunctionApp } from '../support/function-app.ts';

const GROUP = '/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg-shop/providers';
const CLUSTER = `${GROUP}/Microsoft.ContainerService/managedClusters/shop-cluster`;
const REGISTRY = `${GROUP}/Microsoft.ContainerRegistry/registries/shopregistry`;

/** How often the host has waited before it tried again, and what happens meanwhile. */
let waits = 0;
let mend: () => void = giveUp;
let app: FunctionApp;
let refusing: RefusingStorage | undefined;

function giveUp(): never {
  throw new Error('the partition stands still');
}

beforeAll(async () => {
  app = await startFunctionApp({
    delay: async () => {
      waits += 1;
      mend();
      await Promise.resolve();
    },
  });
});

afterAll(async () => {
  await app.stop();
});

beforeEach(() => {
  const settings = app.reset({ DOCKWARDEN_PRINCIPAL_ID: undefined, SCOPES: undefined });
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
  const string = messages.map((message) => (typeof message === 'string' ? message : JSON.stringify(message)));
  await app.invoke('defenderAlerts', { collectionString: { string } });
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
  const client = app.table(name);
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
  const client = app.table('work');
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
      vi.stubEnv('AzureWebJobsStorage__blobServiceUri', app.storage().blob);
    };
    await arrive(alert('a1'), 'rubbish', alert('a2', { AzureResourceId: REGISTRY }));

    expect(waits).toBe(1);
    expect(await meanwhile).toEqual(['a1', 'a2']);
    expect((await inputs()).map(({ reason }) => reason)).toEqual(['not-json', 'poison']);
    expect(await Array.fromAsync(app.container('poison').listBlobsFlat())).toHaveLength(2);
  });
});

describe('a batch of the Event Hub that comes again for one of its messages', () => {
  it('leaves one row for each of the others', async () => {
    await damageWork();
    vi.stubEnv('AzureWebJobsStorage__queueServiceUri', 'https://localhost:9/nobody');
    mend = () => {
      if (waits === 3) vi.stubEnv('AzureWebJobsStorage__queueServiceUri', app.storage().queue);
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
