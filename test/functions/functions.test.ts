import { readFileSync } from 'node:fs';
import { TableClient } from '@azure/data-tables';
import { ContainerClient } from '@azure/storage-blob';
import { QueueClient } from '@azure/storage-queue';
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
import { findTrigger } from '../../local/host/core.ts';
import type { TypedData } from '../../local/host/core-module.ts';
import { createRegistry, provideCoreModule } from '../../local/host/core-module.ts';
import { createInvoker } from '../../local/host/invocation.ts';
import { readProductPermissions } from '../../local/product-actions.ts';
import { runCommandLine } from '../../src/cli/program.ts';
import { functionNames } from '../../src/functions/health.ts';
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
let storage: TestStorage;

async function invoke(name: string, data: TypedData) {
  const target = registry.functions.get(name);
  if (target === undefined) throw new Error(`no function ${name}`);
  return await invoker.invoke(target, { data });
}

/** The app's settings as Azure would give them: identities, no secret. */
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

function ignore(): undefined {
  return undefined;
}

async function takeWork(): Promise<string[]> {
  const queue = new QueueClient(`${storage.queue}/work`, storage.credential);
  const { receivedMessageItems } = await queue.receiveMessages({ numberOfMessages: 32 });
  for (const { messageId, popReceipt } of receivedMessageItems) await queue.deleteMessage(messageId, popReceipt);
  return receivedMessageItems.map(({ messageText }) => Buffer.from(messageText, 'base64').toString());
}

async function auditRows(): Promise<readonly Record<string, unknown>[]> {
  return await Array.fromAsync(new TableClient(storage.table, 'audit', storage.credential).listEntities());
}

beforeAll(async () => {
  provideCoreModule(registry);
  await import('../../src/main.ts');
  const { caFile: _ca, certFile, keyFile } = inject('certificates');
  simulator = await startAzureSimulator({
    certificates: { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') },
    seed: createSampleSubscription(),
    identities: createSampleIdentities([]),
    onEvent: (event) => events.push(event),
  });
});

afterAll(async () => {
  await simulator.stop();
});

beforeEach(async () => {
  storage = claimStorageAccount();
  for (const [name, value] of Object.entries(settings())) vi.stubEnv(name, value);
  const { actions, dataActions } = await readProductPermissions(settings());
  simulator.identity('dockwarden').roleAssignments = assignProductRole(actions, dataActions);
});

afterEach(() => {
  vi.unstubAllEnvs();
  events.length = 0;
  logged.length = 0;
});

describe('the functions', () => {
  it('are all registered, with the triggers that the infrastructure expects', () => {
    const table = [...registry.functions.values()].map((registered) => {
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
    simulator.as('operator').patch(sampleId('contosoacr'), { properties: { adminUserEnabled: true } });
    await invoke('resourceEvents', { string: JSON.stringify(events[0]) });
    const work = await takeWork();
    for (const text of work) await invoke('reconcile', { string: text });

    expect(work).toHaveLength(1);
    expect(simulator.state.get(sampleId('contosoacr'))).toMatchObject({ properties: { adminUserEnabled: false } });
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
      { outcome: 'fixed', actor: simulator.identity('operator').objectId },
    ]);
    out.length = 0;
    expect(await runCommandLine(['findings', 'list', '--status', 'all'], terminal)).toBe(0);
    expect(out.join('')).toContain('contosoacr');
    out.length = 0;
    expect(await runCommandLine(['findings', 'list'], terminal)).toBe(0);
    expect(out).toEqual(['nothing to show']);
  });

  it('take the same events from the webhook', async () => {
    simulator.as('automation').patch(sampleId('contosofresh'), { properties: { adminUserEnabled: true } });

    await invoke('resourceEventsWebhook', { string: JSON.stringify(events[0]) });

    expect(await takeWork()).toHaveLength(1);
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

    await expect(invoke('resourceEvents', { string: JSON.stringify(event) })).resolves.toBeDefined();
  });

  it('say what is missing when an event of interest comes and no storage is configured', async () => {
    vi.stubEnv('AzureWebJobsStorage__tableServiceUri', undefined);
    simulator.as('operator').patch(sampleId('contosoacr'), { tags: { a: 'b' } });

    await expect(invoke('resourceEvents', { string: JSON.stringify(events[0]) })).rejects.toThrow(
      /AzureWebJobsStorage__accountName/,
    );
  });

  it('keep an unreadable work message as a blob and an audit row instead of failing for ever', async () => {
    await invoke('reconcile', { string: 'not a message' });

    const blobs = await Array.fromAsync(
      new ContainerClient(`${storage.blob}/poison`, storage.credential).listBlobsFlat(),
    );
    expect(blobs.map(({ name }) => name)).toEqual([expect.stringMatching(/^work\/[0-9a-f]{32}$/)]);
    expect(await auditRows()).toContainEqual(expect.objectContaining({ stage: 'input', reason: 'poison' }));
  });

  it('empty the poison queues', async () => {
    await invoke('resourceEventsPoison', { string: '{"broken":true}' });
    await invoke('reconcilePoison', { string: JSON.stringify({ version: 1, resourceId: sampleId('contosoacr') }) });

    const blobs = await Array.fromAsync(
      new ContainerClient(`${storage.blob}/poison`, storage.credential).listBlobsFlat(),
    );
    expect(blobs.map(({ name }) => name.split('/')[0])).toEqual(['resource-events', 'work']);
    expect(await auditRows()).toContainEqual(expect.objectContaining({ reason: 'poison', resourceName: 'contosoacr' }));
  });

  it('sweep on the timer, and report wrong settings once', async () => {
    vi.stubEnv('REMEDIATE_ACR_DISABLE_ADMIN_USER', 'Enforce');
    const timer = { json: JSON.stringify({ Schedule: {}, ScheduleStatus: {}, IsPastDue: false }) };

    await invoke('sweep', timer);
    await invoke('sweep', timer);

    const configuration = (await auditRows()).filter(({ stage }) => stage === 'configuration');
    expect(configuration).toEqual([
      expect.objectContaining({ causeId: 'REMEDIATE_ACR_DISABLE_ADMIN_USER', reason: 'invalid-value' }),
    ]);
    expect(await takeWork()).not.toEqual([]);
  });

  it('fail the sweep that could not read everything, so that the host tries it again', async () => {
    const sweep = registry.functions.get('sweep');
    simulator.faults.add({ path: /ResourceGraph/i, times: Infinity, effect: { kind: 'answer', status: 503 } });

    // Without the host's own retries, which wait for minutes.
    await expect(
      sweep?.handler({ isPastDue: false }, { info: ignore, error: ignore, warn: ignore, debug: ignore }),
    ).rejects.toThrow(/incomplete/);

    expect(sweep?.retryOptions).toMatchObject({ maxRetryCount: 2 });
    expect(await auditRows()).toContainEqual(expect.objectContaining({ stage: 'input', reason: 'sweep-incomplete' }));
    simulator.faults.clear();
  });
});

async function ask() {
  const response = await invoke('health', { http: { method: 'GET', url: 'http://localhost/api/health' } });
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
    provideCoreModule(registry);
    const target = other.functions.get('health');
    if (target === undefined) throw new Error('no health function');

    const response = await createInvoker({
      registry: { ...other, model: registry.model },
      log: () => undefined,
      timeoutMs: 30_000,
      writeOutputs: async () => await Promise.resolve(),
      onTimeout: (error) => {
        throw error;
      },
    }).invoke(target, { data: { http: { method: 'GET', url: 'http://localhost/api/health' } } });

    expect(response.returnValue?.http?.statusCode).toBe('503');
  });
});
