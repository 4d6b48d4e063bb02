import { readFileSync, statSync } from 'node:fs';
import { mkdtemp, readdir, realpath, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { type BlobClient, ContainerClient } from '@azure/storage-blob';
import { afterAll, beforeAll, describe, expect, inject, it, test, vi } from 'vitest';
import { findTrigger, loadFunctionApp } from '../../local/host/core.ts';
import { budgetOf } from '../../scripts/budgets.ts';
import { buildDeployFolder } from '../../scripts/build.ts';
import type { createConnections } from '../../src/app.ts';
import type { DockwardenError, isDockwardenError } from '../../src/errors.ts';
import type { createTelemetry } from '../../src/telemetry/open-telemetry.ts';
import type { TicketError } from '../../src/tickets/ticket-system.ts';
import type { createWebhookSystem } from '../../src/tickets/webhook.ts';
import { claimStorageAccount } from '../support/storage.ts';
import { startIngestion } from '../telemetry/ingestion.ts';
import { startScriptedServer } from '../tickets/scripted-server.ts';
import { notice } from '../tickets/webhook-notice.ts';
import { deployFolder, ensureBuilt, projectRoot } from './harness.ts';

const POISON = { connection: 'AzureWebJobsStorage' };
const loadedLater = [
  'azure-eventgrid.cjs',
  'azure-keyvault-keys.cjs',
  'azure-keyvault-secrets.cjs',
  'azure-monitor.cjs',
  'azure-storage-blob.cjs',
];

const registrations = {
  resourceEvents: { type: 'queueTrigger', queueName: 'resource-events', connection: 'AzureWebJobsStorage' },
  resourceEventsWebhook: { type: 'eventGridTrigger' },
  resourceEventsPoison: { type: 'queueTrigger', queueName: 'resource-events-poison', ...POISON },
  defenderAlerts: {
    type: 'eventHubTrigger',
    eventHubName: '%DEFENDER_EVENT_HUB%',
    connection: 'DefenderEventHub',
    cardinality: 'many',
  },
  defenderAlertsHttp: { type: 'httpTrigger', route: 'defender/alerts', authLevel: 'function', methods: ['POST'] },
  reconcile: { type: 'queueTrigger', queueName: 'work', connection: 'AzureWebJobsStorage' },
  reconcilePoison: { type: 'queueTrigger', queueName: 'work-poison', ...POISON },
  tickets: { type: 'queueTrigger', queueName: 'tickets', connection: 'AzureWebJobsStorage' },
  ticketsPoison: { type: 'queueTrigger', queueName: 'tickets-poison', ...POISON },
  events: { type: 'queueTrigger', queueName: 'events', connection: 'AzureWebJobsStorage' },
  eventsPoison: { type: 'queueTrigger', queueName: 'events-poison', ...POISON },
  sweep: { type: 'timerTrigger', schedule: '%SWEEP_SCHEDULE%' },
  review: { type: 'httpTrigger', route: 'review/{action}', authLevel: 'function', methods: ['POST'] },
  health: { type: 'httpTrigger', route: 'health', authLevel: 'anonymous', methods: ['GET'] },
  healthDetails: { type: 'httpTrigger', route: 'health/details', authLevel: 'function', methods: ['GET'] },
};

describe('the deploy folder', () => {
  beforeAll(async () => {
    await ensureBuilt();
  });

  test('registers every function, with an empty environment and without reading or building anything (R13, R24)', async () => {
    const { functions, loadError } = await loadFunctionApp(deployFolder, { environment: {} });

    expect(loadError).toBeUndefined();
    const found = Object.fromEntries(functions.map((registered) => [registered.name, findTrigger(registered).binding]));
    expect(Object.keys(found).toSorted()).toEqual(Object.keys(registrations).toSorted());
    expect(found).toMatchObject(registrations);
    expect(filesRead(deployFolder)).toEqual(['main.cjs']);
  });

  test('holds what is deployed and nothing else, each file within its budget', async () => {
    const code = [...loadedLater, 'main.cjs'];

    expect((await readdir(deployFolder)).toSorted()).toEqual(
      [
        'THIRD-PARTY-LICENSES.txt',
        'host.json',
        'package.json',
        ...code,
        ...code.map((name) => `${name}.map`),
      ].toSorted(),
    );
    for (const name of code) expect(statSync(join(deployFolder, name)).size).toBeLessThanOrEqual(budgetOf(name).bytes);
  });
});

/** What a bundle gives to this test: the app's own parts, built exactly as they are shipped. */
interface Built {
  readonly createConnections: typeof createConnections;
  readonly createTelemetry: typeof createTelemetry;
  readonly createWebhookSystem: typeof createWebhookSystem;
  readonly TicketError: typeof TicketError;
  readonly DockwardenError: typeof DockwardenError;
  readonly isDockwardenError: typeof isDockwardenError;
}

const signal = () => AbortSignal.timeout(20_000);
const TOPIC = 'https://tickets.westeurope-1.eventgrid.azure.net/api/events';

/** One test after the other: what has been read is part of what they look at. */
describe('a package that is loaded at its first use', () => {
  const storage = claimStorageAccount();
  let folder: string;
  let built: Built;

  beforeAll(async () => {
    // As the module loader will name it.
    folder = await realpath(await mkdtemp(join(tmpdir(), 'dockwarden-bundle-')));
    const sources = {
      'app.ts': 'createConnections',
      'errors.ts': 'DockwardenError, isDockwardenError',
      'telemetry/open-telemetry.ts': 'createTelemetry',
      'tickets/ticket-system.ts': 'TicketError',
      'tickets/webhook.ts': 'createWebhookSystem',
    };
    const entry = join(folder, 'entry.ts');
    const lines = Object.entries(sources).map(
      ([path, names]) => `export { ${names} } from ${JSON.stringify(join(projectRoot, 'src', path))};`,
    );
    await writeFile(entry, lines.join('\n'));
    const outputDirectory = join(folder, 'dist');
    await buildDeployFolder({ root: projectRoot, entry, outputDirectory });
    built = createRequire(entry)(join(outputDirectory, 'main.cjs'));
  });
  afterAll(async () => {
    await rm(folder, { recursive: true });
  });

  function connect(blob: string) {
    const { table, queue, credential } = storage;
    return built.createConnections(credential, {
      armEndpoint: 'https://localhost:1',
      tokenScope: 'https://localhost:1/.default',
      vaults: { dnsSuffix: 'localhost', scope: 'https://localhost:1/.default' },
      storage: { table, queue, blob },
      tickets: { graceMs: 0, target: { system: 'table' } },
      events: { topic: undefined, isUnclear: false },
    });
  }

  it('is not read with the bundle, nor when the connections are made', () => {
    connect(storage.blob);

    expect(filesRead(join(folder, 'dist'))).toEqual(['main.cjs']);
  });

  it('keeps a message that nobody could handle, and says in our own error that it cannot', async () => {
    expect(await connect(storage.blob).poison.save('work', 'abc', '{"ü":1}')).toBe('work/abc');

    expect(filesRead(join(folder, 'dist'))).toEqual(['azure-storage-blob.cjs', 'main.cjs']);
    const blob: BlobClient = new ContainerClient(`${storage.blob}/poison`, storage.credential).getBlobClient(
      'work/abc',
    );
    expect((await blob.downloadToBuffer()).toString()).toBe('{"ü":1}');
    const error = await rejectionOf(connect('https://localhost:1/account').poison.save('work', 'abc', 'x'));
    expect(built.isDockwardenError(error, 'STORAGE_UNAVAILABLE')).toBe(true);
    expect(error).toBeInstanceOf(built.DockwardenError);
  });

  it('tells a topic of Event Grid, and says in our own error that it was refused', async () => {
    const statuses = [200, 403, 429];
    const server = await startScriptedServer(
      () => ({ status: statuses.shift() ?? 500, headers: { 'retry-after': '90' } }),
      inject('certificates'),
    );
    const toLoopback = {
      name: 'toLoopback',
      sendRequest: async <Request extends { url: string }, Answer>(
        request: Request,
        next: (request: Request) => Promise<Answer>,
      ): Promise<Answer> => await next(Object.assign(request, { url: `${server.url}/api/events` })),
    };
    const system = built.createWebhookSystem({
      url: TOPIC,
      credential: storage.credential,
      clientOptions: {
        tlsOptions: { ca: readFileSync(inject('certificates').caFile, 'utf8') },
        additionalPolicies: [{ policy: toLoopback, position: 'perRetry' }],
      },
    });

    try {
      await system.notify(notice(), signal());
      const refused = await rejectionOf(system.notify(notice(), signal()));
      const busy = await rejectionOf(system.notify(notice(), signal()));

      expect(filesRead(join(folder, 'dist'))).toContain('azure-eventgrid.cjs');
      expect(server.requests).toHaveLength(3);
      expect(server.requests[0]?.body).toContain('dockwarden.ticket.updated.v1');
      // What the outbox asks before it waits and tries again.
      expect(refused).toBeInstanceOf(built.TicketError);
      expect(refused).toMatchObject({ kind: 'auth' });
      expect(busy).toBeInstanceOf(built.TicketError);
      expect(busy).toMatchObject({ kind: 'rate-limited', retryAfterMs: 90_000 });
    } finally {
      await server.stop();
    }
  });

  it('sends metrics, and is read with the first of them', async () => {
    vi.stubEnv('APPLICATION_INSIGHTS_NO_STATSBEAT', 'true');
    const ingestion = await startIngestion();
    const { connectionString } = ingestion;
    const names = { roleName: 'func-bundle', roleInstance: '1', version: '1.0.0' };
    const telemetry = built.createTelemetry({
      connectionString,
      ...names,
      clientOptions: { tlsOptions: { ca: readFileSync(inject('certificates').caFile, 'utf8') } },
    });
    expect(filesRead(join(folder, 'dist'))).not.toContain('azure-monitor.cjs');

    try {
      telemetry.record({ metric: 'sweeps', value: 1, attributes: { result: 'complete' } });
      await telemetry.flush(10_000);

      expect(telemetry.takeProblem()).toBeUndefined();
      expect(ingestion.metrics()).toMatchObject([{ name: 'dockwarden.sweeps', value: 1, role: 'func-bundle' }]);
      expect(filesRead(join(folder, 'dist'))).toContain('azure-monitor.cjs');
    } finally {
      await telemetry.stop();
      await ingestion.stop();
      vi.unstubAllEnvs();
    }
  });

  it('opens a vault when there is one to be opened, and refuses others in our own error before', async () => {
    const { vaults } = connect(storage.blob).clients;
    const isRead = () => filesRead(join(folder, 'dist')).some((name) => name.includes('keyvault'));

    const refused = await rejectionOf(vaults.keys('https://vault.evil.example'));

    expect(refused).toBeInstanceOf(built.DockwardenError);
    expect(isRead()).toBe(false);
    expect((await vaults.keys('https://localhost:1')).vaultUrl).toBe('https://localhost:1');
    expect((await vaults.secrets('https://localhost:1')).vaultUrl).toBe('https://localhost:1');
    expect(filesRead(join(folder, 'dist'))).toEqual([...loadedLater, 'main.cjs']);
  });
});

/** Which files of this folder this process has loaded, sorted. */
function filesRead(folder: string): string[] {
  return Object.keys(createRequire(import.meta.url).cache)
    .filter((path) => dirname(path) === folder)
    .map((path) => basename(path))
    .toSorted();
}

async function rejectionOf(call: Promise<unknown>): Promise<unknown> {
  return await call.then(
    (value) => {
      throw new Error(`expected an error, got ${JSON.stringify(value)}`);
    },
    (error: unknown) => error,
  );
}
