import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import { queryUpgradeFailures } from '../../src/azure/upgrade-failures.ts';
import { parseResourceId } from '../../src/resources/resource-id.ts';
import { failureOf } from './azure-harness.ts';
import {
  type CanaryClients,
  createCanaryClients,
  type LoopbackServer,
  startLoopbackServer,
} from './loopback-server.ts';

const target = parseResourceId(sampleId('aks-prod'));

let server: LoopbackServer;
let azure: CanaryClients;
let events: unknown[];

beforeEach(async () => {
  events = [];
  server = await startLoopbackServer(() => ({ headers: { 'x-ms-request-id': 'r1' }, body: page(events) }));
  azure = createCanaryClients(server);
});

afterEach(async () => {
  await server.stop();
});

function page(data: readonly unknown[], skipToken?: string) {
  return { totalRecords: 1, count: 1, resultTruncated: 'false', data, ...(skipToken && { $skipToken: skipToken }) };
}

/** One row; `at` is the day of August 2026. */
function event(
  eventStatus: string,
  at: number,
  change: Readonly<Record<string, unknown>> = {},
  resource: unknown = target.id,
) {
  return {
    id: `${target.key}/scheduledevents/x`,
    properties: {
      eventStatus,
      eventSource: 'AutoUpgrader',
      eventDetails: 'NodeOSUpgrade failed',
      lastUpdateTime: `2026-08-${String(at).padStart(2, '0')}T03:00:00Z`,
      resources: [resource],
      ...change,
    },
  };
}

async function read() {
  return await queryUpgradeFailures.run(azure.context(), target);
}

const FAILED_ON_17 = [{ at: '2026-08-17T03:00:00.000Z' }];
const pool = (name: string) => `${target.id.toUpperCase()}/agentPools/${name}`;

describe('failed upgrades of node images', () => {
  it('are asked for of one cluster', async () => {
    events = [event('Failed', 17)];

    expect(await read()).toEqual(FAILED_ON_17);
    expect(JSON.parse(server.requests[0]?.body ?? '')).toMatchObject({
      subscriptions: [target.subscriptionId],
      query: expect.stringContaining(`| where id startswith '${target.key}/'`),
    });
    expect(azure.requestIds).toEqual(['r1']);
  });

  it('are over when a success follows, however the rows are ordered', async () => {
    for (const status of ['Completed', 'Succeeded', 'completed']) {
      events = [event(status, 18), event('Failed', 17)];
      expect(await read()).toEqual([]);
      events = [event(status, 16), event('Failed', 17)];
      expect(await read()).toEqual(FAILED_ON_17);
    }
  });

  it('stay when only something else follows', async () => {
    const rest = ['Started', 'Scheduled', 'Canceled', 'Cancelled', '', 'Unheard'].map((status) => event(status, 18));
    events = [event('Failed', 17), ...rest];

    expect(await read()).toEqual(FAILED_ON_17);
  });

  it('are told per pool where the event names one; a success of the cluster is one of all pools', async () => {
    const failures = [
      event('Failed', 17, {}, pool('user')),
      event('Failed', 18, {}, pool('system')),
      event('Failed', 19),
    ];
    events = [...failures, event('Completed', 20, {}, pool('user'))];

    expect(await read()).toEqual([
      { pool: 'system', at: '2026-08-18T03:00:00.000Z' },
      { at: '2026-08-19T03:00:00.000Z' },
    ]);
    events = [...failures, event('Completed', 20)];
    expect(await read()).toEqual([]);
  });

  it.each<readonly [string, Readonly<Record<string, unknown>>]>([
    ['the misspelt source', { eventSource: 'AutoUprader' }],
    ['other words for the image', { eventDetails: 'Failed to upgrade security vhd' }],
    ['no zone and a fraction', { lastUpdateTime: '2026-08-17T03:00:00.1032748' }],
    ['a zone', { lastUpdateTime: '2026-08-17T05:00:00+02:00' }],
    ['only a start', { lastUpdateTime: '0001-01-01T00:00:00.0000000Z', startTime: '2026-08-17T03:00:00Z' }],
    ['no list of resources', { resources: undefined }],
    ['hostile ids beside its own', { resources: ['/subscriptions/x', 7, null, 'x'.repeat(5000), target.id] }],
  ])('count with %s', async (_name, change) => {
    events = [event('Failed', 17, change)];

    expect(await read()).toEqual(FAILED_ON_17);
  });

  it('count when the column is text', async () => {
    const { id, properties } = event('Failed', 17);
    events = [{ id, properties: JSON.stringify(properties) }];

    expect(await read()).toEqual(FAILED_ON_17);
  });

  it.each<readonly [string, unknown]>([
    ['of Kubernetes', event('Failed', 17, { eventDetails: 'K8sVersionUpgrade failed' })],
    ['that are notices', event('Failed', 17, { eventSource: 'EOLNotification', eventDetails: { region: 'x' } })],
    ['of a notice with text', event('Failed', 17, { eventSource: 'EOLNotification' })],
    ['without a time', event('Failed', 17, { lastUpdateTime: '0001-01-01T00:00:00Z' })],
    ['with a time that is none', event('Failed', 17, { lastUpdateTime: 'yesterday' })],
    ['of another cluster', event('Failed', 17, {}, `${target.id}2`)],
    ['of a pool that cannot exist', event('Failed', 17, {}, pool("x'/../y"))],
    ['of a hidden child', event('Failed', 17, {}, `${pool('user')}/x`)],
    ['without properties', { id: 'x' }],
    ['with a text that is no JSON', { properties: '{' }],
    ['with a text that is no object', { properties: '[]' }],
    ['that are no rows', 'x'],
  ])('%s do not count', async (_name, row) => {
    events = [row];

    expect(await read()).toEqual([]);
  });

  it('are read to the last page', async () => {
    server.answer = ({ body }) => ({
      body: body.includes('token-2') ? page([event('Failed', 17)]) : page([event('Completed', 16)], 'token-2'),
    });

    expect(await read()).toEqual(FAILED_ON_17);
    expect(server.requests).toHaveLength(2);
  });

  it('are an error when there is no end, or no data', async () => {
    server.answer = () => ({ body: page([], 'again') });
    expect(await failureOf(queryUpgradeFailures, read())).toMatchObject({ code: 'AZURE_INVALID' });
    server.answer = () => ({ body: { count: 0 } });
    expect(await failureOf(queryUpgradeFailures, read())).toMatchObject({ code: 'AZURE_TRANSIENT' });
  });
});
