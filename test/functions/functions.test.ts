import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import { findTrigger } from '../../local/host/core.ts';
import { createRegistry, provideCoreModule } from '../../local/host/core-module.ts';
import { runCommandLine } from '../../src/cli/program.ts';
import { functionNames } from '../../src/functions/health.ts';
import { createAppInvoker, type FunctionApp, startFunctionApp } from '../support/function-app.ts';

let app: FunctionApp;

function ignore(): undefined {
  return undefined;
}

beforeAll(async () => {
  app = await startFunctionApp();
});

afterAll(async () => {
  await app.stop();
});

beforeEach(async () => {
  const settings = app.reset({ REMEDIATE_ACR_DISABLE_ADMIN_USER: 'enforce' });
  for (const [name, value] of Object.entries(settings)) vi.stubEnv(name, value);
  await app.assignRole(settings);
});

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('the functions', () => {
  it('are all registered, with the triggers that the infrastructure expects', () => {
    const table = [...app.registry.functions.values()].map((registered) => {
      const { type, queueName, eventHubName, connection, schedule, route, authLevel } = findTrigger(registered).binding;
      return [registered.name, type, queueName ?? eventHubName ?? schedule ?? route, connection ?? authLevel];
    });

    expect(table).toEqual([
      ['resourceEvents', 'queueTrigger', 'resource-events', 'AzureWebJobsStorage'],
      ['resourceEventsWebhook', 'eventGridTrigger', undefined, undefined],
      ['resourceEventsPoison', 'queueTrigger', 'resource-events-poison', 'AzureWebJobsStorage'],
      ['defenderAlerts', 'eventHubTrigger', '%DEFENDER_EVENT_HUB%', 'DefenderEventHub'],
      ['defenderAlertsHttp', 'httpTrigger', 'defender/alerts', 'function'],
      ['reconcile', 'queueTrigger', 'work', 'AzureWebJobsStorage'],
      ['reconcilePoison', 'queueTrigger', 'work-poison', 'AzureWebJobsStorage'],
      ['tickets', 'queueTrigger', 'tickets', 'AzureWebJobsStorage'],
      ['ticketsPoison', 'queueTrigger', 'tickets-poison', 'AzureWebJobsStorage'],
      ['events', 'queueTrigger', 'events', 'AzureWebJobsStorage'],
      ['eventsPoison', 'queueTrigger', 'events-poison', 'AzureWebJobsStorage'],
      ['sweep', 'timerTrigger', '%SWEEP_SCHEDULE%', undefined],
      ['review', 'httpTrigger', 'review/{action}', 'function'],
      ['health', 'httpTrigger', 'health', 'anonymous'],
    ]);
    expect(table.map(([name]) => name)).toEqual(functionNames);
  });

  it('take an event in, fix what it names, and let the command line tell about it', async () => {
    app.simulator.as('operator').patch(sampleId('contosoacr'), { properties: { adminUserEnabled: true } });
    await app.invoke('resourceEvents', { string: JSON.stringify(app.events[0]) });
    const work = await app.take('work');
    for (const text of work) await app.invoke('reconcile', { string: text });

    expect(work).toHaveLength(1);
    expect(app.simulator.state.get(sampleId('contosoacr'))).toMatchObject({ properties: { adminUserEnabled: false } });
    const out: string[] = [];
    const terminal = {
      readInput: async () => await Promise.resolve(''),
      print: (line: string) => out.push(line),
      printError: (line: string) => out.push(line),
    };
    expect(
      await runCommandLine(
        [
          'audit',
          'list',
          '--outcome',
          'fixed',
          '--resource',
          'CONTOSOACR',
          '--policy',
          'acr-admin-user-disabled',
          '--format',
          'json',
        ],
        terminal,
      ),
    ).toBe(0);
    expect(JSON.parse(out.join(''))).toMatchObject([
      { outcome: 'fixed', actor: app.simulator.identity('operator').objectId },
    ]);
    out.length = 0;
    expect(await runCommandLine(['findings', 'list', '--status', 'all'], terminal)).toBe(0);
    expect(out.join('')).toContain('contosoacr');
    out.length = 0;
    expect(await runCommandLine(['findings', 'list'], terminal)).toBe(0);
    expect(out).toEqual(['nothing to show']);
  });

  it('take the same events from the webhook', async () => {
    app.simulator.as('automation').patch(sampleId('contosofresh'), { properties: { adminUserEnabled: true } });

    await app.invoke('resourceEventsWebhook', { string: JSON.stringify(app.events[0]) });

    expect(await app.take('work')).toHaveLength(1);
  });

  it('let an event of no interest pass without storage, settings or clients', async () => {
    vi.unstubAllEnvs();

    const event = {
      id: '1',
      eventType: 'Microsoft.Storage.BlobCreated',
      topic: '/x',
      subject: '/y',
      eventTime: '2026-11-02T18:38:04Z',
      data: {},
    };

    await expect(app.invoke('resourceEvents', { string: JSON.stringify(event) })).resolves.toBeDefined();
  });

  it('say what is missing when an event of interest comes and no storage is configured', async () => {
    vi.stubEnv('AzureWebJobsStorage__tableServiceUri', undefined);
    app.simulator.as('operator').patch(sampleId('contosoacr'), { tags: { a: 'b' } });

    await expect(app.invoke('resourceEvents', { string: JSON.stringify(app.events[0]) })).rejects.toThrow(
      /AzureWebJobsStorage__accountName/,
    );
  });

  it('keep an unreadable work message as a blob and an audit row instead of failing for ever', async () => {
    await app.invoke('reconcile', { string: 'not a message' });

    const blobs = await Array.fromAsync(app.container('poison').listBlobsFlat());
    expect(blobs.map(({ name }) => name)).toEqual([expect.stringMatching(/^work\/[0-9a-f]{32}$/)]);
    expect(await app.auditRows()).toContainEqual(expect.objectContaining({ stage: 'input', reason: 'poison' }));
  });

  it('empty the poison queues', async () => {
    await app.invoke('resourceEventsPoison', { string: '{"broken":true}' });
    await app.invoke('reconcilePoison', { string: JSON.stringify({ version: 1, resourceId: sampleId('contosoacr') }) });

    const blobs = await Array.fromAsync(app.container('poison').listBlobsFlat());
    expect(blobs.map(({ name }) => name.split('/')[0])).toEqual(['resource-events', 'work']);
    expect(await app.auditRows()).toContainEqual(
      expect.objectContaining({ reason: 'poison', resourceName: 'contosoacr' }),
    );
  });

  it('sweep on the timer, and report wrong settings once', async () => {
    vi.stubEnv('REMEDIATE_ACR_DISABLE_ADMIN_USER', 'Enforce');
    const timer = { json: JSON.stringify({ Schedule: {}, ScheduleStatus: {}, IsPastDue: false }) };

    await app.invoke('sweep', timer);
    await app.invoke('sweep', timer);

    const configuration = (await app.auditRows()).filter(({ stage }) => stage === 'configuration');
    expect(configuration).toEqual([
      expect.objectContaining({ causeId: 'REMEDIATE_ACR_DISABLE_ADMIN_USER', reason: 'invalid-value' }),
    ]);
    expect(await app.take('work')).not.toEqual([]);
  });

  it('fail the sweep that could not read everything, so that the host tries it again', async () => {
    const sweep = app.registry.functions.get('sweep');
    app.simulator.faults.add({ path: /ResourceGraph/i, times: Infinity, effect: { kind: 'answer', status: 503 } });

    // Without the host's own retries, which wait for minutes.
    await expect(
      sweep?.handler({ isPastDue: false }, { info: ignore, error: ignore, warn: ignore, debug: ignore }),
    ).rejects.toThrow(/incomplete/);

    expect(sweep?.retryOptions).toMatchObject({ maxRetryCount: 2 });
    expect(await app.auditRows()).toContainEqual(
      expect.objectContaining({ stage: 'input', reason: 'sweep-incomplete' }),
    );
    app.simulator.faults.clear();
  });
});

async function ask() {
  const response = await app.invoke('health', { http: { method: 'GET', url: 'http://localhost/api/health' } });
  const http = response.returnValue?.http;
  const body = http?.body?.bytes === undefined ? {} : JSON.parse(Buffer.from(http.body.bytes).toString());
  return { status: Number(http?.statusCode), body };
}

describe('health', () => {
  it('is 200 when every function runs and storage answers', async () => {
    expect(await ask()).toMatchObject({ status: 200, body: { status: 'healthy', problems: [] } });
  });

  it('is 503 when a function is switched off', async () => {
    vi.stubEnv('AzureWebJobs.reconcile.Disabled', 'true');

    expect(await ask()).toMatchObject({ status: 503, body: { problems: ['function-disabled:reconcile'] } });
  });

  it('is 200 without the function that reads an Event Hub: not everybody has one', async () => {
    vi.stubEnv('AzureWebJobs.defenderAlerts.Disabled', 'true');
    expect(await ask()).toMatchObject({ status: 200 });
  });

  it('is 503 when storage is not configured, or does not answer', async () => {
    vi.stubEnv('AzureWebJobsStorage__tableServiceUri', undefined);
    expect(await ask()).toMatchObject({ status: 503, body: { problems: ['storage-not-configured'] } });

    vi.stubEnv('AzureWebJobsStorage__tableServiceUri', 'https://localhost:9/nobody');
    expect(await ask()).toMatchObject({ status: 503, body: { problems: ['storage-unavailable'] } });
  });

  it('is 503 when a function was not registered', async () => {
    const { registerHealth } = await import('../../src/functions/health.ts');
    const other = createRegistry(() => undefined);
    provideCoreModule(other);
    registerHealth('health', new Set(functionNames.filter((name) => name !== 'sweep')));
    provideCoreModule(app.registry);
    const target = other.functions.get('health');
    if (target === undefined) throw new Error('no health function');

    const response = await createAppInvoker({ ...other, model: app.registry.model }).invoke(target, {
      data: { http: { method: 'GET', url: 'http://localhost/api/health' } },
    });

    expect(response.returnValue?.http?.statusCode).toBe('503');
  });
});
