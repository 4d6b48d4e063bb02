import { readFileSync } from 'node:fs';
import { TableClient } from '@azure/data-tables';
import { ContainerClient } from '@azure/storage-blob';
import { QueueServiceClient } from '@azure/storage-queue';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it, vi } from 'vitest';
import type { ResourceEvent } from '../../local/azure/events.ts';
import {
  assignProductRole,
  createSampleIdentities,
  createSampleSubscription,
  SAMPLE_SUBSCRIPTION_ID,
  sampleId,
} from '../../local/azure/sample-subscription.ts';
import { type AzureSimulator, startAzureSimulator } from '../../local/azure/simulator.ts';
import type { CustomTopic } from '../../local/event-grid/custom-topic.ts';
import { createRegistry, provideCoreModule } from '../../local/host/core-module.ts';
import { createInvoker } from '../../local/host/invocation.ts';
import { readProductPermissions } from '../../local/product-actions.ts';
import { SENDER, startTopic } from '../outbound/topic-rig.ts';
import { claimStorageAccount, type TestStorage } from '../support/storage.ts';

const logged: string[] = [];
const registry = createRegistry((_level, _category, message) => logged.push(message));
const invoker = createInvoker({
  registry,
  log: () => undefined,
  timeoutMs: 30_000,
  writeOutputs: async () => await Promise.resolve(),
  onTimeout: (error) => {
    throw error;
  },
});
const events: ResourceEvent[] = [];
let simulator: AzureSimulator;
let topic: CustomTopic;
let storage: TestStorage;
let queues: QueueServiceClient;

async function invoke(name: string, text: string): Promise<void> {
  const target = registry.functions.get(name);
  if (target === undefined) throw new Error(`no function ${name}`);
  await invoker.invoke(target, { data: { string: text } });
}

function settings(): Readonly<Record<string, string>> {
  const { endpoint, header } = simulator.identityEndpoint('dockwarden');
  return {
    IDENTITY_ENDPOINT: endpoint,
    IDENTITY_HEADER: header,
    AzureWebJobsStorage__blobServiceUri: storage.blob,
    AzureWebJobsStorage__queueServiceUri: storage.queue,
    AzureWebJobsStorage__tableServiceUri: storage.table,
    DOCKWARDEN_ARM_ENDPOINT: simulator.armEndpoint,
    DOCKWARDEN_PRINCIPAL_ID: simulator.identity('dockwarden').objectId,
    SCOPES: SAMPLE_SUBSCRIPTION_ID,
    SWEEP_SCHEDULE: '0 0 * * * *',
    REMEDIATE_ACR_DISABLE_ADMIN_USER: 'enforce',
  };
}

/** Texts of the messages that can be seen in a queue, taken out of it. */
async function take(name: string): Promise<string[]> {
  const queue = queues.getQueueClient(name);
  const { receivedMessageItems } = await queue.receiveMessages({ numberOfMessages: 32 });
  for (const { messageId, popReceipt } of receivedMessageItems) await queue.deleteMessage(messageId, popReceipt);
  return receivedMessageItems.map(({ messageText }) => Buffer.from(messageText, 'base64').toString());
}

/** Somebody breaks a registry, and the app fixes it. */
async function fixRegistry(): Promise<void> {
  simulator.as('operator').patch(sampleId('contosoacr'), { properties: { adminUserEnabled: true } });
  await invoke('resourceEvents', JSON.stringify(events.at(-1)));
  for (const text of await take('work')) await invoke('reconcile', text);
  expect(simulator.state.get(sampleId('contosoacr'))).toMatchObject({ properties: { adminUserEnabled: false } });
}

async function auditRows() {
  return await Array.fromAsync(new TableClient(storage.table, 'audit', storage.credential).listEntities());
}

beforeAll(async () => {
  provideCoreModule(registry);
  await import('../../src/main.ts');
  const { certFile, keyFile } = inject('certificates');
  simulator = await startAzureSimulator({
    certificates: { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') },
    seed: createSampleSubscription(),
    identities: createSampleIdentities([]),
    onEvent: (event) => events.push(event),
  });
  topic = await startTopic(simulator.world.issuer);
});

afterAll(async () => {
  await Promise.all([simulator.stop(), topic.stop()]);
});

beforeEach(async () => {
  storage = claimStorageAccount();
  queues = new QueueServiceClient(storage.queue, storage.credential);
  for (const [name, value] of Object.entries(settings())) vi.stubEnv(name, value);
  const { actions, dataActions } = await readProductPermissions(settings());
  simulator.identity('dockwarden').roleAssignments = [...assignProductRole(actions, dataActions), SENDER];
});

afterEach(() => {
  vi.unstubAllEnvs();
  topic.received.length = 0;
  logged.length = 0;
});

describe('own events', () => {
  it('cost nothing unless a topic is set: there is not even a queue for them', async () => {
    await fixRegistry();

    expect(await queues.getQueueClient('events').exists()).toBe(false);
  });

  it('wait in their queue, and go to the topic with the token of the identity', async () => {
    vi.stubEnv('EVENTS_TOPIC_ENDPOINT', topic.endpoint);
    await fixRegistry();
    expect((await queues.getQueueClient('events').getProperties()).approximateMessagesCount).toBe(1);
    expect(topic.received).toEqual([]);

    const row = (await auditRows()).find(({ stage }) => stage === 'outcome');
    const { partitionKey = '', rowKey = '' } = row ?? {};
    const since = new Date().toISOString();
    await invoke('events', JSON.stringify({ version: 1, partitionKey, rowKey, since, attempt: 0 }));

    expect(topic.received).toMatchObject([
      { id: `${partitionKey}/${rowKey}`, type: 'dockwarden.remediation.fixed.v1', subject: sampleId('contosoacr') },
    ]);
  });

  it('are kept as poison when their message cannot be read', async () => {
    await invoke('events', '{"version":7}');
    await invoke('eventsPoison', 'given up');

    const blobs = await Array.fromAsync(
      new ContainerClient(`${storage.blob}/poison`, storage.credential).listBlobsFlat(),
    );
    expect(blobs.map(({ name }) => name.split('/')[0])).toEqual(['events', 'events']);
    expect(await auditRows()).toMatchObject([{ reason: 'poison' }, { reason: 'poison' }]);
  });
});
