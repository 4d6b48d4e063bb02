import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import { findTrigger } from '../../local/host/core.ts';
import { createRegistry, provideCoreModule } from '../../local/host/core-module.ts';
import { runCommandLine } from '../../src/cli/program.ts';
import { functionNames } from '../../src/functions/health.ts';
import { createTableStore } from '../../src/storage/table-store.ts';
import { createTableTickets } from '../../src/tickets/table-tickets.ts';
import type { Ticket } from '../../src/tickets/ticket.ts';
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
      ['healthDetails', 'httpTrigger', 'health/details', 'function'],
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

async function ask(name: 'health' | 'healthDetails' = 'healthDetails') {
  const response = await app.invoke(name, { http: { method: 'GET', url: `http://localhost/api/${name}` } });
  const http = response.returnValue?.http;
  const body = http?.body?.bytes === undefined ? {} : JSON.parse(Buffer.from(http.body.bytes).toString());
  return { status: Number(http?.statusCode), body };
}

async function createEventQueue(): Promise<void> {
  await app.queue('resource-events').create();
}

function linesAboutHealth(): readonly string[] {
  return app.logged.filter((line) => line.startsWith('not healthy'));
}

describe('health', () => {
  it('is 200 when every function runs and everything answers', async () => {
    await createEventQueue();

    expect(await ask()).toMatchObject({
      status: 200,
      body: {
        status: 'healthy',
        reasons: [],
        configurationFindings: 0,
        queues: { 'resource-events': 0 },
        kept: { poison: 0, 'dead-letter': 0 },
      },
    });
  });

  it('tells anonymous callers one word, and the log the reasons', async () => {
    await createEventQueue();
    expect(await ask('health')).toEqual({ status: 200, body: { status: 'healthy' } });
    vi.stubEnv('AzureWebJobs.reconcile.Disabled', 'true');
    expect(await ask('health')).toEqual({ status: 503, body: { status: 'unhealthy' } });

    expect(app.logged).toContainEqual(expect.stringContaining('function-disabled'));
  });

  it('writes one line for many who ask anonymously, another when something else is wrong, and none to whom the reasons are told', async () => {
    await createEventQueue();
    vi.stubEnv('AzureWebJobs.tickets.Disabled', 'true');
    for (let call = 0; call < 20; call += 1) await ask('health');
    expect(linesAboutHealth()).toHaveLength(1);

    vi.stubEnv('AzureWebJobs.events.Disabled', 'true');
    await ask('health');
    await ask();
    expect(linesAboutHealth()).toHaveLength(2);
  });

  it('writes no line of its own for each who asks while storage is not configured', async () => {
    vi.stubEnv('AzureWebJobsStorage__tableServiceUri', undefined);
    for (let call = 0; call < 20; call += 1) await ask('health');

    expect(app.logged.filter((line) => line.includes('AzureWebJobsStorage__accountName'))).toHaveLength(1);
  });

  it('is 503 with a setting that is no address', async () => {
    vi.stubEnv('AzureWebJobsStorage__tableServiceUri', 'no address');

    expect(await ask('health')).toEqual({ status: 503, body: { status: 'unhealthy' } });
  });

  it('asks everything once in ten seconds, however many want to know', async () => {
    await createEventQueue();
    await Promise.all(Array.from({ length: 20 }, async () => await ask('health')));
    await app.queue('resource-events').delete();

    expect(await ask()).toMatchObject({ status: 200 });
  });

  it('is 503 when a function is switched off', async () => {
    await createEventQueue();
    vi.stubEnv('AzureWebJobs.reconcile.Disabled', 'true');

    const { status, body } = await ask();
    expect(status).toBe(503);
    expect(body.reasons).toEqual([
      {
        code: 'function-disabled',
        about: 'reconcile',
        message: 'Function reconcile is switched off: remove the setting AzureWebJobs.reconcile.Disabled.',
      },
    ]);
  });

  it('is 200 without the function that reads an Event Hub: not everybody has one', async () => {
    await createEventQueue();
    vi.stubEnv('AzureWebJobs.defenderAlerts.Disabled', 'true');
    expect(await ask()).toMatchObject({ status: 200 });
  });

  it('is 503 when storage is not configured, or does not answer', async () => {
    vi.stubEnv('AzureWebJobsStorage__tableServiceUri', undefined);
    const unknown = await ask();
    expect(unknown).toMatchObject({ status: 503, body: { reasons: [{ code: 'storage-not-configured' }] } });
    expect(unknown.body.reasons[0].message).toContain('AzureWebJobsStorage__accountName');

    vi.stubEnv('AzureWebJobsStorage__tableServiceUri', 'https://localhost:9/nobody');
    const { status, body } = await ask();
    expect(status).toBe(503);
    expect(body.reasons).toContainEqual(expect.objectContaining({ code: 'table-unavailable', about: 'audit' }));
  });

  it('is 503 when a function was not registered', async () => {
    await createEventQueue();
    const { registerHealthDetails } = await import('../../src/functions/health.ts');
    const other = createRegistry(() => undefined);
    provideCoreModule(other);
    registerHealthDetails('healthDetails', new Set(functionNames.filter((name) => name !== 'sweep')));
    provideCoreModule(app.registry);
    const target = other.functions.get('healthDetails');
    if (target === undefined) throw new Error('no health function');

    const response = await createAppInvoker({ ...other, model: app.registry.model }).invoke(target, {
      data: { http: { method: 'GET', url: 'http://localhost/api/health/details' } },
    });

    expect(response.returnValue?.http?.statusCode).toBe('503');
    const body = Buffer.from(response.returnValue?.http?.body?.bytes ?? []).toString();
    expect(JSON.parse(body).reasons).toMatchObject([{ code: 'function-missing', about: 'sweep' }]);
  });
});

async function writeSchema(version: number): Promise<void> {
  const guards = app.table('guards');
  await guards.createTable();
  await guards.createEntity({
    partitionKey: 'schema',
    rowKey: 'current',
    version,
    createdAt: new Date().toISOString(),
  });
}

const waitingTicket: Ticket = {
  key: `dw-${'0'.repeat(32)}`,
  policyId: 'acr-admin-user-disabled',
  remediationId: 'acr-disable-admin-user',
  resourceId: sampleId('contosoacr'),
  discriminator: '',
  generation: 1,
  generationSince: '2026-11-01T00:00:00.000Z',
  state: 'open',
  change: 'opened',
  title: 'contosoacr: not met',
  severity: 'high',
  strength: 3,
  reason: 'quarantined',
  evidence: '{}',
  evidenceHash: 'hash',
  items: [],
  itemCount: 0,
  firstSeenAt: '2026-11-01T00:00:00.000Z',
  lastSeenAt: '2026-11-01T00:00:00.000Z',
  occurrences: 1,
  sequence: 1,
  appliedSequence: 0,
  attempts: 0,
  humanReopens: 0,
};

describe('tables that a newer version has written', () => {
  it('keep the app from changing anything in Azure; it observes, says why, and its lists go on', async () => {
    await createEventQueue();
    await writeSchema(2);
    app.simulator.as('operator').patch(sampleId('contosoacr'), { properties: { adminUserEnabled: true } });
    await app.invoke('resourceEvents', { string: JSON.stringify(app.events[0]) });
    for (const text of await app.take('work')) await app.invoke('reconcile', { string: text });

    expect(app.simulator.state.get(sampleId('contosoacr'))).toMatchObject({ properties: { adminUserEnabled: true } });
    const rows = await app.auditRows();
    expect(rows).toContainEqual(
      expect.objectContaining({ stage: 'configuration', causeId: 'schema', reason: 'schema-newer' }),
    );
    expect(rows).toContainEqual(expect.objectContaining({ stage: 'decision', decision: 'observe', mode: 'observe' }));
    const { body } = await ask();
    expect(body.reasons).toMatchObject([
      { code: 'schema-newer', message: expect.stringContaining('docs/upgrading.md') },
    ]);
    const out: string[] = [];
    const terminal = {
      readInput: async () => await Promise.resolve(''),
      print: (line: string) => out.push(line),
      printError: (line: string) => out.push(line),
    };
    expect(await runCommandLine(['findings', 'list'], terminal)).toBe(0);
    expect(out.join('')).toContain('contosoacr');
  });

  it('are no hindrance when they are of this one', async () => {
    await writeSchema(1);
    app.simulator.as('operator').patch(sampleId('contosoacr'), { properties: { adminUserEnabled: true } });
    await app.invoke('resourceEvents', { string: JSON.stringify(app.events[0]) });
    for (const text of await app.take('work')) await app.invoke('reconcile', { string: text });

    expect(app.simulator.state.get(sampleId('contosoacr'))).toMatchObject({ properties: { adminUserEnabled: false } });
  });

  it.each([
    ['are no reason to tell another system of tickets: they wait in the table', 2, 0],
    ['let the ones that wait be told when they are of this version', 1, 1],
  ])('%s', async (_what, version, attempts) => {
    vi.stubEnv('TICKETS_SYSTEM', 'webhook');
    vi.stubEnv('TICKETS_WEBHOOK_URL', 'https://localhost:9/nobody');
    vi.stubEnv('TICKETS_WEBHOOK_SECRET', 'a-secret-that-is-long-enough-to-sign');
    await writeSchema(version);
    const tickets = createTableTickets(createTableStore(app.table('tickets')));
    await tickets.insert(waitingTicket);

    await app.invoke('tickets', { string: JSON.stringify({ version: 1, key: waitingTicket.key }) });

    const stored = await tickets.get(waitingTicket.key);
    expect(stored?.ticket).toMatchObject({ attempts, appliedSequence: 0, sequence: 1 });
  });

  it('put a message back while the version cannot be read, however long that takes: five failures would end it as poison', async () => {
    vi.stubEnv('AzureWebJobsStorage__tableServiceUri', 'https://localhost:9/nobody');
    const work = JSON.stringify({ version: 1, resourceId: sampleId('contosoacr') });

    for (let delivery = 0; delivery < 6; delivery += 1) await app.invoke('reconcile', { string: work });

    const { approximateMessagesCount } = await app.queue('work').getProperties();
    expect(approximateMessagesCount).toBe(6);
    // Not at once: the outage is given some time.
    expect(await app.take('work')).toEqual([]);
    expect(app.logged).toContainEqual(expect.stringContaining('guards cannot be used'));
  });

  it('give a message back to the host where it cannot be put back either', async () => {
    vi.stubEnv('AzureWebJobsStorage__tableServiceUri', 'https://localhost:9/nobody');
    vi.stubEnv('AzureWebJobsStorage__queueServiceUri', 'https://localhost:9/nobody');
    const work = JSON.stringify({ version: 1, resourceId: sampleId('contosoacr') });

    await expect(app.invoke('reconcile', { string: work })).rejects.toThrow('queue work cannot be used');
  });
});
