import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ResourceEvent } from '../../local/azure/events.ts';
import { readString } from '../../local/azure/json.ts';
import { SAMPLE_SUBSCRIPTION_ID, sampleId } from '../../local/azure/sample-subscription.ts';
import { imagePushed, nodePoolRolling, policyStateChanged } from '../../local/azure/service-events.ts';
import { EVENT_TYPES } from '../../local/event-grid/event-types.ts';
import { parseMessage } from '../../src/events/parse-message.ts';
import { FixedClock, type Harness, startHarness } from './harness.ts';

let harness: Harness;
beforeEach(async () => {
  harness = await startHarness({ clock: new FixedClock() });
});
afterEach(async () => {
  await harness.stop();
});

const now = new Date('2026-11-23T10:00:00Z');
const cluster = sampleId('aks-data');
const registry = sampleId('contosoacr');
const NEWEST = 'AKSWindows-2022-containerd-20348.4405.261110';

/** What the product makes of an event: the resource that it looks at, or why it does not. */
function readByProduct(event: ResourceEvent): string {
  const [input] = parseMessage(event, { actorNames: false, isImageWatched: true });
  return input?.result === 'cause' ? input.resourceId.id : (input?.reason ?? 'nothing');
}

describe('events of services lead the product to their resource, and are among those that are listened to', () => {
  test.for([
    ['a node pool that rolls', nodePoolRolling(cluster, 'win', 'Failed', now), cluster],
    [
      'a policy state',
      policyStateChanged(
        {
          resourceId: registry,
          complianceState: 'NonCompliant',
          policyDefinition: 'DC921057-6B28-4FBE-9B83-F7BEC05DB6C2',
        },
        now,
      ),
      registry,
    ],
    ['an image', imagePushed(registry, 'shop/web', 'v1', now), registry],
  ] as const)('%s', ([, event, resourceId]) => {
    harness.simulator.publish(event);

    expect(readByProduct(event)).toBe(resourceId);
    expect(EVENT_TYPES).toContain(event.eventType);
    expect(harness.simulator.events).toEqual([event]);
  });

  test('with the members of published ones', () => {
    const change = { resourceId: registry, complianceState: 'NonCompliant', policyDefinition: 'ABC' } as const;

    expect(policyStateChanged(change, now)).toMatchObject({
      topic: `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}`,
      data: { complianceState: 'NonCompliant', policyDefinitionId: expect.stringMatching(/\/policydefinitions\/abc$/) },
    });
    expect(imagePushed(registry, 'shop/web', 'v1', now)).toMatchObject({
      subject: 'shop/web:v1',
      data: {
        action: 'push',
        request: { host: 'contosoacr.azurecr.io' },
        target: { repository: 'shop/web', tag: 'v1' },
      },
    });
  });
});

const kinds = () =>
  harness.simulator.events.map(({ data, eventType }) => {
    const status = readString(data, 'resourceInfo.properties.eventStatus');
    return [eventType.split('.').at(-1), data['nodePoolName'] ?? status];
  });
const poolImage = async () =>
  (await harness.clusters().agentPools.get('rg-platform-prod', 'aks-data', 'win')).nodeImageVersion;
const rows = async () =>
  (
    await harness.graph().resources({
      subscriptions: [SAMPLE_SUBSCRIPTION_ID],
      query: 'containerserviceeventresources | project id, status = properties.eventStatus | order by id asc',
    })
  ).data;

describe('an upgrade of nodes', () => {
  test('that succeeds replaces them by ones with the newest image, and everybody is told', async () => {
    const { simulator } = harness;
    const before = simulator.kubernetes(cluster).nodes('win');

    simulator.upgradeNodes({ clusterId: cluster, pool: 'win' });

    const after = simulator.kubernetes(cluster).nodes('win');
    expect(after.map(({ imageVersion }) => imageVersion)).toEqual([NEWEST, NEWEST]);
    expect(new Set([...before, ...after].map(({ uid }) => uid)).size).toBe(4);
    expect(await poolImage()).toBe(NEWEST);
    expect(kinds()).toEqual([
      ['ScheduledEventEmitted', 'Started'],
      ['NodePoolRollingStarted', 'win'],
      ['ScheduledEventEmitted', 'Completed'],
      ['NodePoolRollingSucceeded', 'win'],
    ]);
    expect(await rows()).toHaveLength(2);
  });

  test('that fails leaves them as they are', async () => {
    const { simulator } = harness;
    const before = simulator.kubernetes(cluster).nodes('win');

    simulator.upgradeNodes({ clusterId: cluster, pool: 'win', imageVersion: 'AKSWindows-1', fails: true });

    expect(simulator.kubernetes(cluster).nodes('win')).toEqual(before);
    expect(await poolImage()).toBe(before[0]?.imageVersion);
    expect(kinds().slice(2)).toEqual([
      ['ScheduledEventEmitted', 'Failed'],
      ['NodePoolRollingFailed', 'win'],
    ]);
    const profile = await harness.clusters().agentPools.getUpgradeProfile('rg-platform-prod', 'aks-data', 'win');
    expect(profile.latestNodeImageVersion).toBe('AKSWindows-1');
  });

  test('is told by events that lead to the cluster, and that its subscription includes', () => {
    harness.simulator.upgradeNodes({ clusterId: cluster, pool: 'win' });

    const { events } = harness.simulator;
    expect(new Set(events.map((event) => readByProduct(event).toLowerCase()))).toEqual(
      new Set([cluster.toLowerCase()]),
    );
    expect(events.filter(({ eventType }) => !EVENT_TYPES.includes(eventType))).toEqual([]);
    // As published: the group in lower case, the rest as Azure spells it.
    expect(events[0]?.subject).toContain('/resourcegroups/rg-platform-prod/providers/Microsoft.ContainerService/');
  });

  test('of an unknown cluster or pool is a mistake', () => {
    const { simulator } = harness;

    expect(() => simulator.upgradeNodes({ clusterId: registry, pool: 'win' })).toThrow(`nobody serves ${registry}`);
    expect(() => simulator.upgradeNodes({ clusterId: cluster, pool: 'none' })).toThrow("no agent pool 'none'");
    expect(simulator.events).toEqual([]);
  });
});

test('the product listens to every type that is subscribed to', () => {
  const ids: Readonly<Record<string, string>> = {
    ContainerRegistry: registry,
    KeyVault: registry,
    Resources: registry,
  };
  const ignored = EVENT_TYPES.filter((eventType) => {
    const [, source = ''] = eventType.split('.');
    const topic = ids[source] ?? cluster;
    const event = { ...nodePoolRolling(topic, 'win', 'Started', now), eventType, subject: topic };
    return readByProduct(event) === 'event-type-not-covered';
  });

  expect(EVENT_TYPES.length).toBeGreaterThan(10);
  expect(ignored).toEqual([]);
});
