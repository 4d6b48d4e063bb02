import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import type { CustomTopic } from '../../local/event-grid/custom-topic.ts';
import { SENDER, startTopic } from '../outbound/topic-rig.ts';
import { type FunctionApp, startFunctionApp } from '../support/function-app.ts';

let app: FunctionApp;
let topic: CustomTopic;

async function invoke(name: string, text: string): Promise<void> {
  await app.invoke(name, { string: text });
}

/** Somebody breaks a registry, and the app fixes it. */
async function fixRegistry(): Promise<void> {
  app.simulator.as('operator').patch(sampleId('contosoacr'), { properties: { adminUserEnabled: true } });
  await invoke('resourceEvents', JSON.stringify(app.events.at(-1)));
  for (const text of await app.take('work')) await invoke('reconcile', text);
  expect(app.simulator.state.get(sampleId('contosoacr'))).toMatchObject({ properties: { adminUserEnabled: false } });
}

beforeAll(async () => {
  app = await startFunctionApp();
  topic = await startTopic(app.simulator.world.issuer);
});

afterAll(async () => {
  await Promise.all([app.stop(), topic.stop()]);
});

beforeEach(async () => {
  const settings = app.reset({ REMEDIATE_ACR_DISABLE_ADMIN_USER: 'enforce' });
  for (const [name, value] of Object.entries(settings)) vi.stubEnv(name, value);
  await app.assignRole(settings, SENDER);
});

afterEach(() => {
  vi.unstubAllEnvs();
  topic.received.length = 0;
});

describe('own events', () => {
  it('cost nothing unless a topic is set: there is not even a queue for them', async () => {
    await fixRegistry();

    expect(await app.queue('events').exists()).toBe(false);
  });

  it('wait in their queue, and go to the topic with the token of the identity', async () => {
    vi.stubEnv('EVENTS_TOPIC_ENDPOINT', topic.endpoint);
    await fixRegistry();
    expect((await app.queue('events').getProperties()).approximateMessagesCount).toBe(1);
    expect(topic.received).toEqual([]);

    const row = (await app.auditRows()).find(({ stage }) => stage === 'outcome');
    const { partitionKey = '', rowKey = '' } = row ?? {};
    const since = new Date().toISOString();
    await invoke('events', JSON.stringify({ version: 1, partitionKey, rowKey, since, attempt: 0 }));

    expect(topic.received).toMatchObject([
      { id: `${partitionKey}/${rowKey}`, type: 'dockwarden.remediation.fixed.v1', subject: sampleId('contosoacr') },
    ]);
  });

  it('wait while the address of the topic has a slip in it', async () => {
    vi.stubEnv('EVENTS_TOPIC_ENDPOINT', 'htps://topic');
    await fixRegistry();

    const told = (await app.auditRows()).filter(({ stage }) => stage === 'outcome' || stage === 'configuration');
    expect(told.length).toBeGreaterThan(0);
    expect((await app.queue('events').getProperties()).approximateMessagesCount).toBe(told.length);
  });

  it('are kept as poison when their message cannot be read', async () => {
    await invoke('events', '{"version":7}');
    await invoke('eventsPoison', 'given up');

    const blobs = await Array.fromAsync(app.container('poison').listBlobsFlat());
    expect(blobs.map(({ name }) => name.split('/')[0])).toEqual(['events', 'events']);
    expect(await app.auditRows()).toMatchObject([{ reason: 'poison' }, { reason: 'poison' }]);
  });
});
