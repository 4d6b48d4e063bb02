import { randomUUID } from 'node:crypto';
import { TableClient } from '@azure/data-tables';
import { ManagedIdentityCredential, type TokenCredential } from '@azure/identity';
import { QueueClient } from '@azure/storage-queue';
import { ulid } from 'ulid';
import { createTableAuditLog } from './audit/table-audit-log.ts';
import { createAzureClients } from './azure/clients.ts';
import { createTableAlerts } from './defender/table-alerts.ts';
import { recordConfigurationFindings } from './engine/configuration.ts';
import type { Clock, EngineContext, Log } from './engine/ports.ts';
import type { PublishingContext } from './engine/publish.ts';
import { DockwardenError, isDockwardenError } from './errors.ts';
import { createTableFindings } from './findings/table-findings.ts';
import { createTableApprovals } from './guards/approvals.ts';
import { createTableSweepRecords } from './guards/sweep-record.ts';
import { createTableBreakers } from './guards/table-breakers.ts';
import { createTableTicketRates } from './guards/ticket-rates.ts';
import { checkDependencies, type DependencyHealth } from './health/check-health.ts';
import { keepAnswer } from './health/keep-answer.ts';
import { nameDependencies } from './health/name-dependencies.ts';
import { createTableNodeHistory } from './nodes/table-node-history.ts';
import { createPublishingAuditLog } from './outbound/publishing-audit-log.ts';
import { createTopicSender } from './outbound/topic.ts';
import { createPoisonStore } from './poison/poison-store.ts';
import { policies } from './policy/catalogue.ts';
import { remediations, trackers } from './remediations/catalogue.ts';
import { capSettings } from './settings/capped-settings.ts';
import { parseSettings, type Settings } from './settings/settings.ts';
import { createSchema, describeSchema, migrateAsFarAsPossible, type Schema } from './storage/schema.ts';
import { createTableStore } from './storage/table-store.ts';
import { createMeasuredAuditLog } from './telemetry/measured-audit-log.ts';
import { type Metrics, noMetrics } from './telemetry/metrics.ts';
import { createTelemetry, type Telemetry } from './telemetry/open-telemetry.ts';
import { readTelemetryTarget, type TelemetryTarget } from './telemetry/target.ts';
import { createTelemetries } from './telemetry/telemetries.ts';
import { createTicketSystem, getToken } from './ticket-systems.ts';
import { createTableTickets } from './tickets/table-tickets.ts';
import { version } from './version.ts';
import { createQueueDepths } from './work/queue-depths.ts';
import { createTableWorkItems } from './work/table-work-items.ts';
import { createWorkQueue } from './work/work-queue.ts';

/** Clients and stores; they keep tokens and connections, and nothing that a second instance would need. */
type Connections = Pick<
  EngineContext,
  | 'clients'
  | 'audit'
  | 'findings'
  | 'work'
  | 'queue'
  | 'sweeps'
  | 'breakers'
  | 'approvals'
  | 'poison'
  | 'alerts'
  | 'nodes'
  | 'tickets'
  | 'ticketQueue'
  | 'eventQueue'
  | 'queueDepths'
  | 'ticketRates'
  | 'ticketSystem'
> &
  Pick<PublishingContext, 'publish'> & {
    readonly schema: Schema;
    readonly checkHealth: () => Promise<DependencyHealth>;
  };

const now = () => new Date();
const systemClock: Clock = { now };

/** Memoised by what they are built from, so that a changed setting is honoured by the next invocation. */
const connections = new Map<string, Connections>();

/** The environment as it is at this moment; the only place that reads it. */
export function readEnvironment(): Readonly<Record<string, string | undefined>> {
  return process.env;
}

/** The app's settings, parsed anew. */
export function readSettings(environment = readEnvironment()): Settings {
  return parseSettings(environment, { policies, remediations, trackers });
}

/**
 * Everything the engine needs for one invocation. Clients are built when they are first used, so that an event of no interest needs none;
 * that use throws `CONFIG_MISSING` when the storage account is not configured.
 */
export function createContext(log: Log, settings = readSettings()): EngineContext {
  const metrics = findMetrics(log, settings);
  return {
    clock: systemClock,
    log,
    settings,
    metrics,
    policies,
    remediations,
    trackers,
    version,
    newRunId: (start) => ulid(start.getTime()),
    get clients() {
      return connect(settings).clients;
    },
    get audit() {
      return createMeasuredAuditLog(connect(settings).audit, metrics, log);
    },
    get findings() {
      return connect(settings).findings;
    },
    get work() {
      return connect(settings).work;
    },
    get queue() {
      return connect(settings).queue;
    },
    get sweeps() {
      return connect(settings).sweeps;
    },
    get breakers() {
      return connect(settings).breakers;
    },
    get approvals() {
      return connect(settings).approvals;
    },
    get poison() {
      return connect(settings).poison;
    },
    get alerts() {
      return connect(settings).alerts;
    },
    get nodes() {
      return connect(settings).nodes;
    },
    get tickets() {
      return connect(settings).tickets;
    },
    get ticketQueue() {
      return connect(settings).ticketQueue;
    },
    get eventQueue() {
      return connect(settings).eventQueue;
    },
    get queueDepths() {
      return connect(settings).queueDepths;
    },
    get ticketRates() {
      return connect(settings).ticketRates;
    },
    get ticketSystem() {
      return connect(settings).ticketSystem;
    },
  };
}

/**
 * The same for work that may change something in Azure: while the tables are not in the form that this app writes, it only observes, and says why in
 * its findings. Where rows have an older form they are migrated first. Rejects with `CONFIG_MISSING` or `STORAGE_UNAVAILABLE`.
 */
export async function openContext(log: Log): Promise<EngineContext> {
  const settings = readSettings();
  const problem = describeSchema(await migrateAsFarAsPossible(connect(settings).schema, log));
  return createContext(
    log,
    problem === undefined ? settings : capSettings(settings, 'observe', { setting: 'schema', ...problem }),
  );
}

/**
 * What is wrong with what the app depends on, asked at most every ten seconds, however many want to know. Rejects with `CONFIG_MISSING` while it is not
 * known where its storage is.
 */
export async function checkHealth(settings: Settings): Promise<DependencyHealth> {
  return await connect(settings).checkHealth();
}

/** How long an answer about the health holds, and how long it waits for each dependency, in milliseconds. */
const HEALTH = { keptForMs: 10_000, timeoutMs: 5000 } as const;

/** What publishing one row of the audit needs; as lazy as the whole context. */
export function createPublishingContext(log: Log, settings = readSettings()): PublishingContext {
  const metrics = findMetrics(log, settings);
  return {
    clock: systemClock,
    log,
    settings,
    version,
    get audit() {
      return createMeasuredAuditLog(connect(settings).audit, metrics, log);
    },
    get eventQueue() {
      return connect(settings).eventQueue;
    },
    get publish() {
      return connect(settings).publish;
    },
  };
}

const telemetries = createTelemetries(openTelemetry);

/** Where the values of one invocation go. */
function findMetrics(log: Log, settings: Settings): Metrics {
  const target = settings.sendsMetrics ? readTelemetryTarget(readEnvironment()) : undefined;
  return target === undefined ? noMetrics : telemetries.find(target, log);
}

function openTelemetry(target: TelemetryTarget): Telemetry {
  // The exporter tells Microsoft about itself, unless this is set; nothing but its environment stops it.
  process.env['APPLICATION_INSIGHTS_NO_STATSBEAT'] ??= 'true';
  const { identity } = target;
  const credential = identity && new ManagedIdentityCredential(identity);
  return createTelemetry({ ...target, ...(credential !== undefined && { credential }), version });
}

/** Sends the metrics that wait: the worker is about to end, and has five seconds for it. Never rejects. */
export async function flushMetrics(): Promise<void> {
  await telemetries.flush(3000);
}

/** States of the settings whose findings this process has recorded today. */
const recordedFindings = new Set<string>();

/** Records what is wrong with the settings, unless this process has done so today. */
export async function reportConfiguration(context: EngineContext): Promise<void> {
  const state = `${context.clock.now().toISOString().slice(0, 10)} ${context.settings.hash}`;
  if (recordedFindings.has(state)) return;
  try {
    await recordConfigurationFindings(context);
    recordedFindings.add(state);
  } catch (error) {
    // The settings are as wrong in a minute; the work that asked must not fail for it.
    if (!isDockwardenError(error, 'STORAGE_UNAVAILABLE')) throw error;
    context.log.warn('configuration findings not recorded', { error: error.message });
  }
}

function connect(settings: Settings): Connections {
  const { armEndpoint, tokenScope, vaults, storage, identityClientId, tickets, events, sweepSchedule } = settings;
  const key = JSON.stringify({
    armEndpoint,
    tokenScope,
    vaults,
    storage,
    identityClientId,
    target: tickets.target,
    events,
    sweepSchedule,
  });
  const known = connections.get(key);
  if (known !== undefined) return known;
  const credential = new ManagedIdentityCredential(
    identityClientId === undefined ? {} : { clientId: identityClientId },
  );
  const created = createConnections(credential, settings);
  connections.set(key, created);
  return created;
}

/** Builds every client once; none of them connects before it is used. */
export function createConnections(
  credential: TokenCredential,
  settings: Pick<
    Settings,
    'armEndpoint' | 'tokenScope' | 'vaults' | 'storage' | 'tickets' | 'events' | 'sweepSchedule'
  >,
): Connections {
  const { armEndpoint, tokenScope, vaults, storage } = settings;
  const tables = required(storage.table, 'table');
  const table = (name: string) =>
    createTableStore(
      new TableClient(tables, name, credential, {
        retryOptions: { maxRetries: 2, retryDelayInMs: 100, maxRetryDelayInMs: 500 },
      }),
    );
  const queueClient = (name: string) =>
    new QueueClient(`${required(storage.queue, 'queue')}/${name}`, credential, { retryOptions });
  const queue = (name: string) => createWorkQueue(queueClient(name));
  const blobs = required(storage.blob, 'blob');
  const guards = table('guards');
  const retryOptions = { maxTries: 3, retryDelayInMs: 100, maxRetryDelayInMs: 500, tryTimeoutInMs: 5000 };
  const { isUnclear, topic } = settings.events;
  const audit = createTableAuditLog(table('audit'));
  const eventQueue = queue('events');
  const sweeps = createTableSweepRecords(guards);
  const poison = createPoisonStore(async (container) => {
    // Loaded with the first message that nobody could handle: the client is large, and few workers need it.
    const { ContainerClient } = await import('@azure/storage-blob');
    return new ContainerClient(`${blobs}/${container}`, credential, { retryOptions });
  });
  const schema = createSchema({
    tables: {
      findings: table('findings'),
      work: table('work'),
      tickets: table('tickets'),
      alerts: table('alerts'),
      nodes: table('nodes'),
      guards,
    },
    now,
    owner: randomUUID(),
  });
  const dependencies = nameDependencies({
    table,
    queue: queueClient,
    poison,
    sweeps,
    schema,
    getToken: async (signal) => await getToken(credential, tokenScope, signal),
  });
  const check = { now, sweepSchedule: settings.sweepSchedule, timeoutMs: HEALTH.timeoutMs };
  return {
    clients: createAzureClients({ credential, endpoint: armEndpoint, scope: tokenScope, vaults }),
    // An address with a slip in it is one all the same: what happens meanwhile is published once it is put right.
    audit: topic === undefined && !isUnclear ? audit : createPublishingAuditLog(audit, eventQueue),
    findings: createTableFindings(table('findings')),
    work: createTableWorkItems(table('work')),
    sweeps,
    breakers: createTableBreakers(guards),
    approvals: createTableApprovals(guards),
    queue: queue('work'),
    alerts: createTableAlerts(table('alerts')),
    nodes: createTableNodeHistory(table('nodes')),
    tickets: createTableTickets(table('tickets')),
    ticketQueue: queue('tickets'),
    ticketRates: createTableTicketRates(guards),
    ticketSystem: createTicketSystem(settings.tickets.target, credential),
    eventQueue,
    queueDepths: createQueueDepths(queueClient),
    publish: topic === undefined ? undefined : createTopicSender({ url: topic, credential, now }),
    poison,
    schema,
    checkHealth: keepAnswer(async () => await checkDependencies(dependencies, check), HEALTH.keptForMs, now),
  };
}

function required(endpoint: string | undefined, service: 'table' | 'queue' | 'blob'): string {
  if (endpoint !== undefined) return endpoint;
  const names = `AzureWebJobsStorage__accountName or AzureWebJobsStorage__${service}ServiceUri`;
  throw new DockwardenError(
    'CONFIG_MISSING',
    `the ${service} endpoint of the storage account is not known: set ${names}`,
  );
}
