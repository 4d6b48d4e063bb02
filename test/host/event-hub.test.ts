import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { BlobServiceClient } from '@azure/storage-blob';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import * as z from 'zod';
import { type IdentityDefinition, TokenIssuer } from '../../local/azure/identities.ts';
import { type IdentityServer, startIdentityServer } from '../../local/azure/identity-endpoint.ts';
import { EventHub } from '../../local/event-hub/event-hub.ts';
import { type EventHubNamespace, startEventHubNamespace } from '../../local/event-hub/namespace.ts';
import { type HostProcess, startHost } from '../../local/host/process.ts';
import { claimStorageAccount, type TestStorage } from '../support/storage.ts';

const app = fileURLToPath(new URL('./fixtures/app', import.meta.url));
const patient = { timeout: 15_000 };
const NAMESPACE_ID = '/subscriptions/s/resourceGroups/g/providers/Microsoft.EventHub/namespaces/evhns-test';
const RECEIVE = 'Microsoft.EventHub/namespaces/messages/receive/action';
const host: IdentityDefinition = {
  name: 'host',
  objectId: 'host',
  clientId: '00000000-0000-4000-8000-000000000002',
  principalType: 'ServicePrincipal',
  roleAssignments: [{ scope: NAMESPACE_ID, actions: [], dataActions: [RECEIVE], roleName: 'Receiver' }],
};
const issuer = new TokenIssuer('00000000-0000-0000-0000-000000000001', [host]);

let identities: IdentityServer;
beforeAll(async () => {
  identities = await startIdentityServer(issuer, 0);
});
afterAll(async () => await identities.stop());

/** A hub in a namespace of its own, with host storage of its own. */
interface World {
  readonly hub: EventHub;
  readonly namespace: EventHubNamespace;
  readonly storage: TestStorage;
}

async function createWorld(): Promise<World> {
  const { certFile, keyFile } = inject('certificates');
  const certificates = { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
  const hub = new EventHub({ name: 'alerts', consumerGroups: ['single'] });
  const namespace = await startEventHubNamespace({ certificates, issuer, namespaceId: NAMESPACE_ID, hubs: [hub] });
  return { hub, namespace, storage: claimStorageAccount() };
}

async function start({ namespace, storage }: World, env: Record<string, string> = {}): Promise<HostProcess> {
  const { endpoint, header } = identities.endpointOf('host');
  return await startHost({
    app,
    caFile: inject('certificates').caFile,
    env: {
      AzureWebJobsStorage__queueServiceUri: storage.queue,
      AzureWebJobsStorage__blobServiceUri: storage.blob,
      IDENTITY_ENDPOINT: endpoint,
      IDENTITY_HEADER: header,
      Alerts__fullyQualifiedNamespace: namespace.fullyQualifiedNamespace,
      ALERT_HUB: 'alerts',
      'AzureWebJobs.tick.Disabled': 'true',
      'AzureWebJobs.onMessage.Disabled': 'true',
      ...env,
    },
  });
}

const Report = z.object({
  messages: z.array(z.unknown()).optional(),
  message: z.unknown().optional(),
  metadata: z.record(z.string(), z.unknown()),
  retry: z.unknown().optional(),
});

/** Everything that a function has said it saw. */
function reports(from: HostProcess, functionName: string) {
  return from.logs
    .filter((line) => line.function === functionName && line.message.startsWith('saw '))
    .map((line) => Report.parse(JSON.parse(line.message.slice('saw '.length))));
}

/** The first report of a function that contains the text. */
async function seen(from: HostProcess, functionName: string, text: string) {
  const { message } = await from.waitForLog(
    (line) => line.function === functionName && line.message.startsWith('saw ') && line.message.includes(text),
  );
  return Report.parse(JSON.parse(message.slice('saw '.length)));
}

/** Sequence number that the checkpoint of a partition holds; undefined = none yet. */
async function checkpointOf({ namespace, storage }: World, partitionId: string, group = '$default') {
  const container = new BlobServiceClient(storage.blob, storage.credential).getContainerClient(
    'azure-webjobs-eventhub',
  );
  const blob = container.getBlobClient(`${namespace.fullyQualifiedNamespace}/alerts/${group}/${partitionId}`);
  if (!(await container.exists()) || !(await blob.exists())) return undefined;
  return (await blob.getProperties()).metadata?.['sequencenumber'];
}

/** Sends with a key, so that all of a test goes to one partition; returns that. */
function send({ hub }: World, ...bodies: readonly (string | object)[]): string {
  const [partitionId = ''] = hub.sendBatch(bodies.map((body) => ({ body, partitionKey: 'k', properties: { p: 1 } })));
  return partitionId;
}

test('a batch arrives in order with its metadata, text that is not JSON as text, and the checkpoint follows', async () => {
  const world = await createWorld();
  const partitionId = send(world, { Alert: 1 }, 'not json', { Alert: 2 });
  const running = await start(world, { AzureFunctionsJobHost__extensions__eventHubs__maxEventBatchSize: '2' });

  const { messages, metadata } = await seen(running, 'onAlerts', 'not json');
  const second = await seen(running, 'onAlerts', '"Alert":2');
  await expect.poll(async () => await checkpointOf(world, partitionId), patient).toBe('2');
  await running.stop();
  await world.namespace.stop();

  expect(messages).toEqual([{ Alert: 1 }, 'not json']);
  expect(metadata).toMatchObject({
    partitionContext: {
      fullyQualifiedNamespace: world.namespace.fullyQualifiedNamespace,
      eventHubName: 'alerts',
      consumerGroup: '$Default',
      partitionId,
    },
    partitionKeyArray: ['k', 'k'],
    sequenceNumberArray: [0, 1],
    offsetArray: ['0', '11'],
    enqueuedTimeUtcArray: [expect.stringMatching(/Z$/), expect.stringMatching(/Z$/)],
    propertiesArray: [{ p: 1 }, { p: 1 }],
    systemPropertiesArray: [
      expect.objectContaining({ sequenceNumber: 0, offset: '0', partitionKey: 'k' }),
      expect.objectContaining({ sequenceNumber: 1 }),
    ],
  });
  expect(second.messages).toEqual([{ Alert: 2 }]);
});

test('what failed is not given again: the checkpoint has moved on, over a restart too', async () => {
  const world = await createWorld();
  const first = await start(world);
  const partitionId = send(world, { fail: true });
  await first.waitForLog(({ message }) => message.includes("Executed 'Functions.onAlerts' (Failed"));
  await expect.poll(async () => await checkpointOf(world, partitionId), patient).toBe('0');
  await first.stop();
  send(world, { next: 1 });

  const second = await start(world);
  await seen(second, 'onAlerts', '"next":1');
  await second.kill();
  await world.namespace.stop();

  expect(reports(first, 'onAlerts').map(({ messages }) => messages)).toEqual([[{ fail: true }]]);
  expect(reports(second, 'onAlerts').map(({ messages }) => messages)).toEqual([[{ next: 1 }]]);
});

test('a batch that was at work when the process was killed is given again', async () => {
  const world = await createWorld();
  const first = await start(world);
  const partitionId = send(world, { hang: true });
  await seen(first, 'onAlerts', 'hang');
  await first.kill();
  const before = await checkpointOf(world, partitionId);

  const second = await start(world);
  const again = await seen(second, 'onAlerts', 'hang');
  await second.kill();
  await world.namespace.stop();

  expect(before).toBeUndefined();
  expect(again.metadata).toMatchObject({ sequenceNumberArray: [0] });
});

test('a function of cardinality one gets each event by itself, and its retry policy is honoured', async () => {
  const world = await createWorld();
  const running = await start(world, { 'AzureWebJobs.onAlerts.Disabled': 'true' });
  const partitionId = send(world, { failTimes: 1 }, { failTimes: 9 }, 'not json');

  await seen(running, 'onAlert', 'not json');
  await expect.poll(async () => await checkpointOf(world, partitionId, 'single'), patient).toBe('2');
  await running.kill();
  await world.namespace.stop();

  const seenByOne = reports(running, 'onAlert');
  expect(seenByOne.map(({ message }) => message)).toEqual([
    { failTimes: 1 },
    { failTimes: 1 },
    { failTimes: 9 },
    { failTimes: 9 },
    { failTimes: 9 },
    'not json',
  ]);
  expect(seenByOne[0]?.metadata).toMatchObject({
    sequenceNumber: 0,
    // The library parses text that looks like JSON.
    offset: 0,
    partitionKey: 'k',
    enqueuedTimeUtc: expect.stringMatching(/Z$/),
    properties: { p: 1 },
    systemProperties: expect.objectContaining({ sequenceNumber: 0 }),
    partitionContext: expect.objectContaining({ consumerGroup: 'single' }),
  });
  expect(seenByOne[0]?.retry).toBeUndefined();
  expect(seenByOne[4]?.retry).toMatchObject({
    retryCount: 2,
    maxRetryCount: 2,
    exception: { message: 'fails for now' },
  });
  // A disabled function is not fed.
  expect(reports(running, 'onAlerts')).toEqual([]);
  expect(await checkpointOf(world, partitionId)).toBeUndefined();
});

test('a function without its connection, its hub name or host storage is in error, and the others run', async () => {
  const world = await createWorld();
  const without = async (name: string, env: Record<string, string> = {}) => {
    const { endpoint, header } = identities.endpointOf('host');
    const settings: Record<string, string> = {
      AzureWebJobsStorage__blobServiceUri: world.storage.blob,
      IDENTITY_ENDPOINT: endpoint,
      IDENTITY_HEADER: header,
      Alerts__fullyQualifiedNamespace: world.namespace.fullyQualifiedNamespace,
      ALERT_HUB: 'alerts',
      'AzureWebJobs.tick.Disabled': 'true',
    };
    delete settings[name];
    const running = await startHost({
      app,
      caFile: inject('certificates').caFile,
      env: { ...settings, ...env },
    });
    const errors = (await running.functions()).filter(({ errors: found }) => found !== undefined);
    const answer = await fetch(`${running.url}/api/echo/1`);
    await running.kill();
    expect(answer.status).toBe(201);
    return Object.fromEntries(errors.map((info) => [info.name, info.errors?.[0]]));
  };

  const connection = await without('Alerts__fullyQualifiedNamespace');
  const text = await without('Alerts__fullyQualifiedNamespace', { Alerts: 'Endpoint=sb://x/' });
  const name = await without('ALERT_HUB');
  const empty = await without('ALERT_HUB', { ALERT_HUB: '' });
  const storage = await without('AzureWebJobsStorage__blobServiceUri');
  await world.namespace.stop();

  expect(connection['onAlerts']).toBe("Event Hub connection string 'Alerts' does not exist.");
  expect(text['onAlerts']).toContain('only the identity form works here');
  expect([name['onAlert'], name['onAlerts']]).toEqual(["'%ALERT_HUB%' does not resolve to a value.", undefined]);
  expect(empty['onAlert']).toBe('The Event Hub has no name.');
  expect(storage['onAlerts']).toBe("Storage account connection string 'AzureWebJobsStorage' does not exist.");
}, 60_000);

test('a hub that refuses is asked again until it does not', async () => {
  const world = await createWorld();
  const roles = host.roleAssignments;
  host.roleAssignments = [];
  const running = await start(world);

  await running.waitForLog(({ level, message }) => level === 'Warning' && message.includes("'Listen' claim(s)"));
  host.roleAssignments = roles;
  send(world, { late: true });
  const { messages } = await seen(running, 'onAlerts', 'late');
  await running.kill();
  await world.namespace.stop();

  expect(messages).toEqual([{ late: true }]);
});
