import { TableClient } from '@azure/data-tables';
import { BlobServiceClient } from '@azure/storage-blob';
import { QueueServiceClient } from '@azure/storage-queue';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Fault } from '../../local/azure/faults.ts';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import { type EndToEnd, patient, startEndToEnd } from './harness.ts';

let app: EndToEnd;

beforeAll(async () => {
  app = await startEndToEnd({ receiveVisibilitySeconds: 2 });
});
afterAll(async () => {
  await app.end();
});

async function readHealth(): Promise<{ status: number; body: unknown }> {
  const headers = { 'x-functions-key': app.functionKey };
  const response = await fetch(`${app.host().url}/api/health/details`, { headers });
  return { status: response.status, body: await response.json() };
}

async function readBlob(path: string): Promise<string> {
  const [container = '', ...name] = path.split('/');
  const blobs = new BlobServiceClient(app.storage.blob, app.simulator.credential('operator'));
  return (await blobs.getContainerClient(container).getBlobClient(name.join('/')).downloadToBuffer()).toString();
}

/** A dead worker's lease holds for two and a half minutes: set its end back instead of waiting. */
async function letLeasesRunOut(): Promise<void> {
  const work = new TableClient(app.storage.table, 'work', app.simulator.credential('operator'));
  for await (const { leaseUntil, partitionKey = '', rowKey = '' } of work.listEntities()) {
    if (typeof leaseUntil !== 'string') continue;
    const past = new Date(Date.parse(leaseUntil) - 600_000).toISOString();
    await work.updateEntity({ partitionKey, rowKey, leaseUntil: past }, 'Merge');
  }
}

describe('messages that nobody can handle', () => {
  test.each([
    ['work', 'not a message at all'],
    ['work-poison', '{"version":1,"text":"given up by the host"}'],
    ['resource-events-poison', '<html>not an event</html>'],
  ])('in %s are kept whole as a blob, and the audit points there', async (queue, text) => {
    const queues = new QueueServiceClient(app.storage.queue, app.simulator.credential('operator'));
    const client = queues.getQueueClient(queue);
    await client.createIfNotExists();
    await client.sendMessage(Buffer.from(text).toString('base64'));

    const kept = await vi.waitFor(async () => {
      for (const { causeId, reason } of await app.rows()) {
        if (reason === 'poison' && causeId !== undefined && (await readBlob(causeId)) === text) return causeId;
      }
      throw new Error('not kept yet');
    }, patient);

    expect(kept).toMatch(new RegExp(`^poison/${queue.replace('-poison', '')}/[0-9a-f]{32}$`));
    expect(await readHealth()).toMatchObject({ status: 200, body: { status: 'healthy' } });
  });
});

describe('a host that is killed in the middle of a fix', () => {
  /** Names the moment, and holds the call there until the host is dead. */
  const moments: readonly (readonly [string, 'contosoci' | 'contosofresh', string, (reached: () => void) => Fault])[] =
    [
      [
        'before its second call was applied',
        'contosoci',
        'rg-platform-dev',
        (reached) => ({
          method: 'POST',
          path: /contosoci\/regenerateCredential/,
          caller: 'dockwarden',
          skip: 1,
          effect: { kind: 'before', run: holdAfter(reached) },
        }),
      ],
      [
        'after its last call was applied, before the answer',
        'contosofresh',
        'rg-platform-prod',
        (reached) => ({
          method: 'PATCH',
          path: /contosofresh\?/,
          caller: 'dockwarden',
          effect: { kind: 'after', run: holdAfter(reached) },
        }),
      ],
    ];
  const release = Promise.withResolvers<void>();

  function holdAfter(reached: () => void): () => Promise<void> {
    return async () => {
      reached();
      await release.promise;
    };
  }

  afterAll(() => {
    release.resolve();
  });

  test.each(moments)('%s leaves one intent, and after a restart one outcome', async (_moment, name, group, faultOf) => {
    const reached = Promise.withResolvers<void>();
    app.simulator.faults.add(faultOf(() => reached.resolve()));

    await app.registries('operator').update(group, name, { adminUserEnabled: true });
    await reached.promise;
    await app.host().kill();
    const stages = (await app.rows(name)).map(({ stage }) => stage);
    await letLeasesRunOut();
    await app.restartHost();
    const outcomes = await app.outcomes(name);

    expect(stages).toEqual(['intent']);
    expect(outcomes).toMatchObject([{ outcome: 'fixed', reason: 'verified-after-restart' }]);
    const rows = await app.rows(name);
    expect(rows.map(({ stage }) => stage)).toEqual(['intent', 'outcome']);
    expect(new Set(rows.map(({ remediationRunId }) => remediationRunId)).size).toBe(1);
    expect(app.simulator.state.get(sampleId(name))?.properties).toMatchObject({ adminUserEnabled: false });
  });
});

test('a function that is switched off makes the app unhealthy, and switching it on heals it', async () => {
  await app.restartHost({ 'AzureWebJobs.reconcile.Disabled': 'true' });
  const without = await readHealth();
  await app.restartHost({ 'AzureWebJobs.reconcile.Disabled': 'false' });
  const whole = await readHealth();

  expect(without).toMatchObject({
    status: 503,
    body: { reasons: [{ code: 'function-disabled', about: 'reconcile' }] },
  });
  expect(whole).toMatchObject({ status: 200, body: { reasons: [] } });
});
