import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, inject, it, vi } from 'vitest';
import { createTelemetry, type Telemetry, type TelemetryOptions } from '../../src/telemetry/open-telemetry.ts';
import { INSTRUMENTATION_KEY, type Ingestion, startIngestion } from './ingestion.ts';

let ingestion: Ingestion;
let opened: Telemetry[];

beforeEach(async () => {
  // The exporter's reports about itself go to Microsoft, whatever the connection string says.
  vi.stubEnv('APPLICATION_INSIGHTS_NO_STATSBEAT', 'true');
  ingestion = await startIngestion();
  opened = [];
});

afterEach(async () => {
  await ingestion.stop();
  await Promise.all(opened.map(async (telemetry) => await telemetry.stop()));
  vi.unstubAllEnvs();
});

function open(change: Partial<TelemetryOptions> = {}): Telemetry {
  const telemetry = createTelemetry({
    connectionString: ingestion.connectionString,
    roleName: 'func-dockwarden',
    roleInstance: 'instance-1',
    version: '1.2.3',
    // Nothing comes by itself while a test runs.
    intervalMs: 3_600_000,
    clientOptions: { tlsOptions: { ca: readFileSync(inject('certificates').caFile, 'utf8') } },
    ...change,
  });
  opened.push(telemetry);
  return telemetry;
}

const fixed = {
  metric: 'outcomes',
  value: 1,
  attributes: { outcome: 'fixed', remediation: 'acr-disable-admin-user' },
} as const;

describe('metrics', () => {
  it('arrive at the endpoint of the connection string, under their names and with their attributes', async () => {
    const telemetry = open();
    telemetry.record(fixed);
    telemetry.record(fixed);
    telemetry.record({ metric: 'latency', value: 1500, attributes: { stage: 'total', cause: 'event' } });
    telemetry.record({ metric: 'latency', value: 500, attributes: { stage: 'total', cause: 'event' } });
    telemetry.record({ metric: 'messagesKept', value: 7, attributes: { container: 'dead-letter' } });
    telemetry.record({ metric: 'messagesKept', value: 3, attributes: { container: 'dead-letter' } });

    await telemetry.flush(10_000);

    const common = { role: 'func-dockwarden', instrumentationKey: INSTRUMENTATION_KEY };
    expect(ingestion.metrics()).toEqual([
      { name: 'dockwarden.outcomes', value: 2, count: 1, properties: fixed.attributes, ...common },
      { name: 'dockwarden.latency', value: 2000, count: 2, properties: { stage: 'total', cause: 'event' }, ...common },
      { name: 'dockwarden.messages.kept', value: 3, count: 1, properties: { container: 'dead-letter' }, ...common },
    ]);
    expect(telemetry.takeProblem()).toBeUndefined();
  });

  it('are told once: what was sent is not in the next export', async () => {
    const telemetry = open();
    telemetry.record(fixed);
    await telemetry.flush(10_000);
    await telemetry.flush(10_000);
    telemetry.record(fixed);
    await telemetry.flush(10_000);

    expect(ingestion.metrics().map(({ value }) => value)).toEqual([1, 1]);
  });

  it('go out by themselves after the interval', async () => {
    open({ intervalMs: 50 }).record(fixed);

    await vi.waitFor(() => {
      expect(ingestion.metrics()).toMatchObject([{ name: 'dockwarden.outcomes', value: 1 }]);
    }, 10_000);
  });

  it('carry no id of a resource and no sentence, whoever gives one', async () => {
    const telemetry = open();
    const resource = '/subscriptions/1/resourceGroups/rg/providers/Microsoft.ContainerRegistry/registries/secret';
    telemetry.record({ metric: 'inputs', value: 1, attributes: { reason: resource } });
    telemetry.record({ metric: 'inputs', value: 1, attributes: { reason: 'the password is hunter2' } });
    telemetry.record({ metric: 'inputs', value: 1, attributes: { reason: 'sweep-incomplete' } });

    await telemetry.flush(10_000);

    expect(ingestion.metrics().map(({ value, properties }) => [value, properties['reason']])).toEqual([
      [2, 'other'],
      [1, 'sweep-incomplete'],
    ]);
  });

  it('are sent with a token for Azure Monitor, when there is an identity', async () => {
    const scopes: (string | string[])[] = [];
    const getToken = async (asked: string | string[]) => {
      scopes.push(asked);
      return await Promise.resolve({ token: 'token-for-monitor', expiresOnTimestamp: Date.now() + 3_600_000 });
    };
    const telemetry = open({ credential: { getToken } });
    telemetry.record(fixed);

    await telemetry.flush(10_000);

    expect(scopes.flat()).toEqual(['https://monitor.azure.com/.default']);
    expect(ingestion.requests.map(({ headers }) => headers['authorization'])).toEqual(['Bearer token-for-monitor']);
  });

  it('are sent without one otherwise', async () => {
    const telemetry = open();
    telemetry.record(fixed);

    await telemetry.flush(10_000);

    expect(ingestion.requests.map(({ headers }) => headers['authorization'])).toEqual([undefined]);
  });
});

describe('telemetry that does not work costs values and nothing else:', () => {
  it('an endpoint that is not there', async () => {
    const { connectionString } = ingestion;
    await ingestion.stop();
    const telemetry = open({ connectionString });
    telemetry.record(fixed);

    await telemetry.flush(20_000);

    expect(telemetry.takeProblem()).toMatch(/ECONNREFUSED/);
    expect(telemetry.takeProblem()).toBeUndefined();
    telemetry.record(fixed);
  });

  it('an endpoint that does not answer: a flush ends at its deadline', async () => {
    ingestion.fault({ effect: { kind: 'hang' }, times: 100 });
    const telemetry = open();
    telemetry.record(fixed);

    const before = performance.now();
    await telemetry.flush(300);

    expect(performance.now() - before).toBeLessThan(5000);
    expect(telemetry.takeProblem()).toContain('300 ms');
  });

  it('an endpoint that refuses', async () => {
    ingestion.fault({ effect: { kind: 'answer', answer: { status: 403, body: {} } }, times: 100 });
    const telemetry = open();
    telemetry.record(fixed);

    await telemetry.flush(20_000);

    expect(telemetry.takeProblem()).toBe('Application Insights answered 403');
  });

  it.each(['nonsense', 'InstrumentationKey=;IngestionEndpoint=https://localhost', ';;;==='])(
    'a connection string that is none: %s',
    async (connectionString) => {
      const telemetry = open({ connectionString });
      telemetry.record(fixed);

      await telemetry.flush(10_000);

      expect(telemetry.takeProblem()).toMatch(/key/i);
      telemetry.record(fixed);
      await telemetry.flush(10_000);
      expect(telemetry.takeProblem()).toBeUndefined();
    },
  );

  it('a connection string that asks for a token for something else: it gets none, and no value either', async () => {
    const asked: (string | string[])[] = [];
    const getToken = async (scopes: string | string[]) => {
      asked.push(scopes);
      return await Promise.resolve({ token: 'never', expiresOnTimestamp: Date.now() + 3_600_000 });
    };
    const connectionString = `${ingestion.connectionString};AADAudience=https://management.azure.com/.default`;
    const telemetry = open({ connectionString, credential: { getToken } });
    telemetry.record(fixed);

    await telemetry.flush(20_000);

    expect(asked).toEqual([]);
    expect(ingestion.requests).toEqual([]);
    expect(telemetry.takeProblem()).toContain('not Azure Monitor');
  });

  it('an identity that gets no token', async () => {
    const telemetry = open({
      credential: { getToken: async () => await Promise.reject(new Error('no identity here')) },
    });
    telemetry.record(fixed);

    await telemetry.flush(20_000);

    expect(ingestion.requests).toEqual([]);
    expect(telemetry.takeProblem()).toContain('no identity here');
  });

  it('an end: what comes afterwards is dropped', async () => {
    const telemetry = open();
    await telemetry.stop();
    telemetry.record(fixed);
    await telemetry.flush(10_000);

    expect(ingestion.requests).toEqual([]);
  });
});
