import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import { auditLineFields } from '../../src/telemetry/audit-line.ts';
import { type FunctionApp, startFunctionApp } from '../support/function-app.ts';
import { type Ingestion, startIngestion } from '../telemetry/ingestion.ts';

let app: FunctionApp;
let ingestion: Ingestion;

beforeAll(async () => {
  [app, ingestion] = await Promise.all([startFunctionApp(), startIngestion()]);
});

afterAll(async () => {
  await Promise.all([app.stop(), ingestion.stop()]);
});

afterEach(() => {
  vi.unstubAllEnvs();
});

beforeEach(async () => {
  const settings = app.reset({ REMEDIATE_ACR_DISABLE_ADMIN_USER: 'enforce' });
  for (const [name, value] of Object.entries(settings)) vi.stubEnv(name, value);
  await app.assignRole(settings);
});

/** Somebody breaks a registry, and the app fixes it. */
async function fixRegistry(): Promise<void> {
  app.simulator.as('operator').patch(sampleId('contosoacr'), { properties: { adminUserEnabled: true } });
  await app.invoke('resourceEvents', { string: JSON.stringify(app.events.at(-1)) });
  for (const text of await app.take('work')) await app.invoke('reconcile', { string: text });
  expect(app.simulator.state.get(sampleId('contosoacr'))).toMatchObject({ properties: { adminUserEnabled: false } });
}

/** What the host does before it ends the worker. */
async function terminate(): Promise<void> {
  for (const hook of app.registry.hooks.appTerminate) await hook({ hookData: {}, appHookData: {} });
}

function auditLines(): readonly Readonly<Record<string, unknown>>[] {
  return app.logged.filter((line) => line.startsWith('audit {')).map((line) => JSON.parse(line.slice('audit '.length)));
}

describe('an app', () => {
  it('that no Application Insights is named to sends nothing, and writes its lines all the same', async () => {
    await fixRegistry();
    await terminate();

    expect(ingestion.requests).toEqual([]);
    expect(auditLines()).toContainEqual(
      expect.objectContaining({ stage: 'outcome', outcome: 'fixed', resourceId: sampleId('contosoacr') }),
    );
    const known = new Set<string>(Object.values(auditLineFields));
    expect(
      auditLines()
        .flatMap((line) => Object.keys(line))
        .filter((field) => !known.has(field)),
    ).toEqual([]);
  });

  it('sends what it measures before it ends, under its own name', async () => {
    vi.stubEnv('APPLICATIONINSIGHTS_CONNECTION_STRING', ingestion.connectionString);
    vi.stubEnv('WEBSITE_SITE_NAME', 'func-metrics');
    await fixRegistry();

    await terminate();

    const received = ingestion.metrics();
    const valueOf = (name: string, properties: Readonly<Record<string, string>>) =>
      received.find(
        (metric) =>
          metric.name === name && Object.entries(properties).every(([key, value]) => metric.properties[key] === value),
      )?.value;
    expect(valueOf('dockwarden.outcomes', { outcome: 'fixed', remediation: 'acr-disable-admin-user' })).toBe(1);
    expect(valueOf('dockwarden.latency', { stage: 'total', cause: 'event' })).toBeGreaterThan(0);
    expect(valueOf('dockwarden.azure.calls', { operation: 'registries.update', effect: 'write', result: 'done' })).toBe(
      1,
    );
    expect(new Set(received.map(({ role }) => role))).toEqual(new Set(['func-metrics']));
    expect(JSON.stringify(received)).not.toContain('contosoacr');
  });

  it('sends what a sweep measures when it has ended', async () => {
    vi.stubEnv('APPLICATIONINSIGHTS_CONNECTION_STRING', ingestion.connectionString);
    vi.stubEnv('WEBSITE_SITE_NAME', 'func-sweep');
    const timer = { json: JSON.stringify({ Schedule: {}, ScheduleStatus: {}, IsPastDue: false }) };

    await app.invoke('sweep', timer);

    const received = ingestion.metrics().filter(({ role }) => role === 'func-sweep');
    expect(received.find(({ name }) => name === 'dockwarden.sweeps')).toMatchObject({
      value: 1,
      properties: { result: 'complete' },
    });
    const kept = received.filter(({ name }) => name === 'dockwarden.messages.kept');
    expect(kept.map(({ value, properties }) => [properties['container'], value])).toEqual([
      ['poison', 0],
      ['dead-letter', 0],
    ]);
    expect(received.filter(({ name }) => name === 'dockwarden.queue.messages')).toHaveLength(8);
  });

  it('that is told not to sends nothing', async () => {
    vi.stubEnv('APPLICATIONINSIGHTS_CONNECTION_STRING', ingestion.connectionString);
    vi.stubEnv('WEBSITE_SITE_NAME', 'func-silent');
    vi.stubEnv('DOCKWARDEN_METRICS', 'off');
    await fixRegistry();
    await terminate();

    expect(ingestion.metrics().filter(({ role }) => role === 'func-silent')).toEqual([]);
  });

  it('whose metrics cannot be sent works on, and says so once', async () => {
    vi.stubEnv('APPLICATIONINSIGHTS_CONNECTION_STRING', 'nonsense');
    await fixRegistry();
    await terminate();
    await fixRegistry();
    await fixRegistry();

    expect(app.logged.filter((line) => line.startsWith('metrics cannot be sent'))).toHaveLength(1);
  });
});
