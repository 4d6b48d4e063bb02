import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, test, vi } from 'vitest';
import { findTrigger } from '../../local/host/core.ts';
import type { HttpData } from '../../local/host/core-module.ts';
import { parseResourceId } from '../../src/resources/resource-id.ts';
import { hashOf } from '../../src/storage/resource-key.ts';
import { type FunctionApp, startFunctionApp } from '../support/function-app.ts';

const CLUSTER =
  '/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg-shop/providers/Microsoft.ContainerService/managedClusters/shop-cluster';
const REGISTRY =
  '/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg-shop/providers/Microsoft.ContainerRegistry/registries/shopregistry';
const NOBODY = 'https://localhost:9/nobody';

let app: FunctionApp;
/** How long the host waited before it tried again, in milliseconds; and what happens meanwhile. */
const waits: number[] = [];
let mend: () => void = giveUp;

function giveUp(): never {
  throw new Error('the host would try again');
}

/** What the reader of the Event Hub hands over: one text for each event. */
async function arrive(...messages: readonly unknown[]): Promise<void> {
  const texts = messages.map((message) => (typeof message === 'string' ? message : JSON.stringify(message)));
  await app.invoke('defenderAlerts', { collectionString: { string: texts } });
}

async function post(body: string | Uint8Array, headers: Readonly<Record<string, string>> = {}) {
  const all = { 'content-type': 'application/json', ...headers };
  const http: HttpData = {
    method: 'POST',
    url: 'http://localhost/api/defender/alerts',
    nullableParams: {},
    nullableQuery: {},
    nullableHeaders: Object.fromEntries(Object.entries(all).map(([name, value]) => [name, { value }])),
    body: { bytes: Buffer.from(body) },
  };
  const {
    statusCode,
    headers: answered = {},
    body: answer,
  } = (await app.invoke('defenderAlertsHttp', { http })).returnValue?.http ?? {};
  const text = answer?.bytes === undefined ? '{}' : Buffer.from(answer.bytes).toString();
  return { status: Number(statusCode), headers: answered, body: JSON.parse(text) as unknown };
}

function alert(id: string, change: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> {
  return {
    AlertType: 'K8S_ExposedDashboard',
    TimeGenerated: '2026-11-02T18:37:16.485Z',
    Severity: 'Medium',
    Status: 'New',
    SystemAlertId: id,
    AzureResourceId: CLUSTER,
    AlertDisplayName: 'Exposed dashboard',
    ...change,
  };
}

async function takeWork(): Promise<string[]> {
  return (await app.queue('work').exists()) ? await app.take('work') : [];
}

/** A column of every row of a table; none while there is no table. */
async function column(name: string, from: string): Promise<readonly string[]> {
  const client = app.table(from);
  await client.createTable();
  const rows = await Array.fromAsync(client.listEntities());
  return rows.map((row) => String(row[name])).toSorted((one, other) => one.localeCompare(other));
}

async function poison(): Promise<readonly string[]> {
  const container = app.container('poison');
  if (!(await container.exists())) return [];
  const names = await Array.fromAsync(container.listBlobsFlat(), ({ name }) => name);
  return await Promise.all(
    names.map(async (name) => `${name} ${(await container.getBlobClient(name).downloadToBuffer()).toString()}`),
  );
}

/** Somebody edits the row of a resource: it cannot be read any more. */
async function damageWork(id: string): Promise<void> {
  const hash = hashOf(parseResourceId(id));
  const client = app.table('work');
  await client.createTable();
  await client.upsertEntity({ partitionKey: hash.slice(0, 2), rowKey: hash, pending: 'not JSON' });
}

beforeAll(async () => {
  app = await startFunctionApp({
    delay: async (milliseconds) => {
      waits.push(milliseconds);
      mend();
      await Promise.resolve();
    },
  });
});

afterAll(async () => {
  await app.stop();
});

beforeEach(() => {
  // Alerts need nothing else of the settings.
  const settings = app.reset({ DOCKWARDEN_PRINCIPAL_ID: undefined, SCOPES: undefined });
  for (const [name, value] of Object.entries(settings)) vi.stubEnv(name, value);
});

afterEach(() => {
  vi.unstubAllEnvs();
  waits.length = 0;
  mend = giveUp;
});

describe('the export of Defender by an Event Hub', () => {
  it('is read in batches, and tried again for as long as storage is away', () => {
    const { binding } = findTrigger(app.functionNamed('defenderAlerts'));

    expect(binding).toMatchObject({
      type: 'eventHubTrigger',
      connection: 'DefenderEventHub',
      eventHubName: '%DEFENDER_EVENT_HUB%',
      cardinality: 'many',
    });
  });

  it('has its alerts stored, and their resources looked at', async () => {
    await arrive(alert('a1'), alert('a2', { AzureResourceId: REGISTRY }));

    expect(await column('id', 'alerts')).toEqual(['a1', 'a2']);
    expect(await column('hasAlerts', 'work')).toEqual(['true', 'true']);
    expect(await takeWork()).toHaveLength(2);
  });

  it('may bring several alerts in one event, recommendations and records', async () => {
    await arrive([alert('a1'), alert('a2')], { records: [alert('a3')] });

    expect(await column('id', 'alerts')).toEqual(['a1', 'a2', 'a3']);
  });

  it('may come one by one', async () => {
    await app.invoke('defenderAlerts', { string: JSON.stringify(alert('a1')) });

    expect(await column('id', 'alerts')).toEqual(['a1']);
  });

  it('that cannot be read is kept and on record, and its neighbours are taken in', async () => {
    await arrive(alert('a1'), '{"AlertType":"K8S_Cut', alert('a2', { AzureResourceId: REGISTRY }));

    expect(await column('id', 'alerts')).toEqual(['a1', 'a2']);
    expect(await column('reason', 'audit')).toEqual(['not-json']);
    expect(await column('causeKind', 'audit')).toEqual(['alert']);
    expect(await poison()).toEqual([expect.stringMatching(/^defender-alerts\/[0-9a-f]{32} \{"AlertType":"K8S_Cut$/)]);
  });

  it('that nobody can handle is kept and on record, and its neighbours are taken in', async () => {
    await damageWork(CLUSTER);
    await arrive(alert('a1'), alert('a2', { AzureResourceId: REGISTRY }));

    expect(await takeWork()).toHaveLength(1);
    expect(await column('reason', 'audit')).toEqual(['poison']);
    expect(await poison()).toEqual([expect.stringMatching(/^defender-alerts\/[0-9a-f]{32} \{.*"SystemAlertId":"a1"/)]);
  });

  it('comes again when storage was away, and the others are taken in at once', async () => {
    vi.stubEnv('AzureWebJobsStorage__queueServiceUri', NOBODY);
    mend = () => vi.stubEnv('AzureWebJobsStorage__queueServiceUri', app.storage().queue);
    await arrive(alert('a1'), alert('a2', { AlertDisplayName: '[SAMPLE ALERT] x' }));

    // Both tries took in what could be taken in, and it is on record once.
    expect(await column('reason', 'audit')).toEqual(['sample-alert']);
    expect(await column('knownCauses', 'work')).toEqual(['["a1"]']);
    expect(await takeWork()).toHaveLength(1);
    expect(await poison()).toEqual([]);
    expect(waits).toEqual([5000]);
  });

  it('comes again while the storage is not configured', async () => {
    vi.stubEnv('AzureWebJobsStorage__tableServiceUri', undefined);
    mend = () => {
      if (waits.length > 7) vi.stubEnv('AzureWebJobsStorage__tableServiceUri', app.storage().table);
    };
    await arrive(alert('a1'));

    expect(await takeWork()).toHaveLength(1);
    expect(await poison()).toEqual([]);
    expect(await column('reason', 'audit')).toEqual([]);
    expect(waits.map((milliseconds) => milliseconds / 1000)).toEqual([5, 10, 20, 40, 80, 160, 300, 300]);
  });
});

describe('alerts by HTTP', () => {
  it('are taken in at an address that wants the key of the function', () => {
    const { binding } = findTrigger(app.functionNamed('defenderAlertsHttp'));

    expect(binding).toMatchObject({
      type: 'httpTrigger',
      authLevel: 'function',
      route: 'defender/alerts',
      methods: ['POST'],
    });
  });

  it('are answered with what became of them', async () => {
    const body = JSON.stringify([alert('a1'), alert('a2', { AlertType: 'VM_EICAR' }), { what: 'else' }]);
    const answer = await post(body);

    expect(answer).toMatchObject({ status: 202, body: { marked: 1, ignored: 1, invalid: 1 } });
    expect(await column('id', 'alerts')).toEqual(['a1']);
    expect(await column('reason', 'audit')).toEqual(['test-alert', 'unknown-envelope']);
  });

  it('that are sent twice are followed once', async () => {
    const body = JSON.stringify(alert('a1'));
    await post(body, { 'content-type': 'application/json; charset=utf-8' });
    await post(body);

    expect(await column('id', 'alerts')).toEqual(['a1']);
    expect(await column('knownCauses', 'work')).toEqual(['["a1"]']);
  });

  test.each([
    ['no JSON', '{"a":', {}, 400, 'not-json'],
    ['nothing', '', {}, 400, 'not-json'],
    ['bytes that are no UTF-8', new Uint8Array([0x22, 0xff, 0x22]), {}, 400, 'not-json'],
    ['plain text', '{}', { 'content-type': 'text/plain' }, 415, 'not-json'],
    ['a form', 'a=b', { 'content-type': 'application/x-www-form-urlencoded' }, 415, 'not-json'],
    ['another character set', '{}', { 'content-type': 'application/json; charset=utf-16' }, 415, 'not-json'],
    ['too long a body', `"${'x'.repeat(1_048_576)}"`, {}, 413, 'body-too-large'],
    ['a body that says it is too long', '{}', { 'content-length': '1048577' }, 413, 'body-too-large'],
  ])('that are %s are refused, which is on record once a day', async (_what, body, headers, status, code) => {
    expect(await post(body, headers)).toMatchObject({ status, body: { code } });
    await post(body, headers);

    expect(await column('reason', 'audit')).toEqual([status === 413 ? 'too-large' : 'not-json']);
    expect(await column('error', 'audit')).toEqual([`a request to defender/alerts was refused with ${status}`]);
    expect(await poison()).toEqual([]);
  });

  it('that are nested without end are on record like anything that is no alert', async () => {
    const answer = await post(`${'['.repeat(100_000)}${']'.repeat(100_000)}`);

    expect(answer).toMatchObject({ status: 202, body: { marked: 0, ignored: 0, invalid: 1 } });
    expect(await column('reason', 'audit')).toEqual(['too-deep']);
  });

  it('are to be sent again while storage is away', async () => {
    vi.stubEnv('AzureWebJobsStorage__tableServiceUri', NOBODY);
    const answer = await post(JSON.stringify(alert('a1')));

    expect(answer).toMatchObject({
      status: 503,
      body: { code: 'storage-unavailable', message: expect.not.stringContaining('Nothing was taken in') },
      headers: { 'retry-after': '30' },
    });
    expect(JSON.stringify(answer.body)).not.toContain(NOBODY);
  });

  it('are to be sent again while the storage is not configured', async () => {
    vi.stubEnv('AzureWebJobsStorage__queueServiceUri', undefined);
    expect(await post(JSON.stringify(alert('a1')))).toMatchObject({
      status: 503,
      body: { code: 'storage-unavailable' },
      headers: { 'retry-after': '30' },
    });
    vi.stubEnv('AzureWebJobsStorage__queueServiceUri', app.storage().queue);

    expect(await post(JSON.stringify(alert('a1')))).toMatchObject({ status: 202, body: { marked: 1 } });
    expect(await poison()).toEqual([]);
  });

  it('that nobody can handle are a fault of ours, are kept, and the log says which', async () => {
    await damageWork(CLUSTER);
    const answer = await post(JSON.stringify(alert('a1')));

    expect(answer).toMatchObject({ status: 500, body: { code: 'internal-error' } });
    expect(await poison()).toHaveLength(1);
    expect(await column('reason', 'audit')).toEqual(['poison']);
    expect(app.logged.join('\n')).toContain('cannot be read');
  });
});
