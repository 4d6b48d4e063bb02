import { readFileSync } from 'node:fs';
import { ulid } from 'ulid';
import { inject } from 'vitest';
import type { ResourceEvent } from '../../local/azure/events.ts';
import type { JsonObject } from '../../local/azure/json.ts';
import {
  assignProductRole,
  createSampleIdentities,
  createSampleSubscription,
  SAMPLE_SUBSCRIPTION_ID,
} from '../../local/azure/sample-subscription.ts';
import { type AzureSimulator, type Seed, startAzureSimulator } from '../../local/azure/simulator.ts';
import { AuditRecord } from '../../src/audit/audit-log.ts';
import { createTableAuditLog } from '../../src/audit/table-audit-log.ts';
import { createAzureClients } from '../../src/azure/clients.ts';
import { createTableAlerts } from '../../src/defender/table-alerts.ts';
import { acceptEvents } from '../../src/engine/accept.ts';
import type { EngineContext } from '../../src/engine/ports.ts';
import { reconcile } from '../../src/engine/reconcile.ts';
import { deliverTicket } from '../../src/engine/tickets/deliver.ts';
import { parseTicketMessage } from '../../src/events/ticket-message.ts';
import { parseWorkMessage } from '../../src/events/work-message.ts';
import type { Finding } from '../../src/findings/findings.ts';
import { createTableFindings, FindingRow } from '../../src/findings/table-findings.ts';
import { createTableApprovals } from '../../src/guards/approvals.ts';
import { createTableSweepRecords } from '../../src/guards/sweep-record.ts';
import { createTableBreakers } from '../../src/guards/table-breakers.ts';
import { createTableTicketRates } from '../../src/guards/ticket-rates.ts';
import { createTableNodeHistory } from '../../src/nodes/table-node-history.ts';
import { policies } from '../../src/policy/catalogue.ts';
import { remediations, trackers } from '../../src/remediations/catalogue.ts';
import { type Environment, parseSettings } from '../../src/settings/settings.ts';
import type { PrunableTableStore, TableStore } from '../../src/storage/table-store.ts';
import type { Measurement } from '../../src/telemetry/metrics.ts';
import { createTableTickets, TicketRow } from '../../src/tickets/table-tickets.ts';
import type { Ticket } from '../../src/tickets/ticket.ts';
import type { TicketSystem } from '../../src/tickets/ticket-system.ts';
import { createTableWorkItems } from '../../src/work/table-work-items.ts';
import { WorkItem } from '../../src/work/work-items.ts';
import type { WorkQueue } from '../../src/work/work-queue.ts';
import { MemoryTableStore } from './memory-table-store.ts';
import { permissionsFor } from './product-role.ts';

/** One message that waits in the queue `work`. */
export interface QueuedMessage {
  readonly text: string;
  readonly dueAt: number;
  readonly delayMs: number;
}

/** A clock that stands still until moved. */
export class ManualClock {
  #now: number;

  constructor(start = '2026-11-23T10:00:00.000Z') {
    this.#now = Date.parse(start);
  }

  now(): Date {
    return new Date(this.#now);
  }

  advance(milliseconds: number): void {
    this.#now += milliseconds;
  }
}

/** All three remediations on, as `npm start` has them. */
export const ENFORCING: Environment = {
  REMEDIATE_ACR_DISABLE_ADMIN_USER: 'enforce',
  REMEDIATE_ACR_ROTATE_SECOND_PASSWORD: 'enforce',
  REMEDIATE_AKS_ADD_REQUIRED_TAGS: 'enforce',
  AKS_REQUIRED_TAGS: '{"costCenter":"4711","owner":"platform-team"}',
  // Nodes are looked at in suites of their own.
  POLICY_AKS_NODE_REBOOT_COMPLETED: 'off',
  POLICY_AKS_NODE_IMAGE_CURRENT: 'off',
  POLICY_AKS_WINDOWS_NODE_IMAGE_CURRENT: 'off',
  POLICY_AKS_NODE_REBOOT_COVERAGE_COMPLETE: 'off',
  SCOPES: SAMPLE_SUBSCRIPTION_ID,
  SWEEP_SCHEDULE: '0 0 * * * *',
  // One more call for each sweep: asked for where alerts matter.
  DEFENDER_ALERTS_POLLING: 'off',
  AzureWebJobsStorage__accountName: 'testaccount',
};

export interface EngineHarnessOptions {
  readonly environment?: Environment;
  readonly seed?: Seed;
  /** Wraps a table, to count its calls or to make them fail. */
  readonly wrapTable?: (table: TableStore, name: string) => TableStore;
  /** Wraps the whole context of each invocation, for example to count or break its ports. */
  readonly wrapContext?: (context: EngineContext) => EngineContext;
  /** The system that tickets go to besides the table; default: none. */
  readonly ticketSystem?: TicketSystem;
  /** The product's own RBAC actions; default: at every moment exactly those that the modes call for. */
  readonly actions?: readonly string[];
}

/** The engine over the simulated Azure (real HTTPS, real SDKs), with tables and queue in memory and a clock that tests move. */
export interface EngineHarness {
  readonly simulator: AzureSimulator;
  readonly clock: ManualClock;
  /** Messages in the queue, soonest first. */
  readonly queue: QueuedMessage[];
  /** What was measured, oldest first; the rows of the audit are not in it. */
  readonly measured: Measurement[];
  readonly poison: { readonly name: string; readonly body: string }[];
  /** Blobs of container `dead-letter`, which Event Grid writes. */
  readonly deadLetters: { readonly name: string; readonly body: string }[];
  /** What the simulated Defender exported and nobody took in yet. */
  readonly exported: JsonObject[];
  /** Events that the simulated Azure raised and nobody took in yet. */
  readonly events: ResourceEvent[];
  readonly tables: Readonly<
    Record<'audit' | 'findings' | 'work' | 'guards' | 'nodes' | 'tickets' | 'alerts', MemoryTableStore>
  >;
  /** Messages in the queue `tickets`, soonest first. */
  readonly ticketQueue: QueuedMessage[];
  /** Messages in the queue `events`, soonest first. */
  readonly eventQueue: QueuedMessage[];
  /** Changes settings from the next invocation on. */
  setEnvironment(change: Environment): void;
  context(): EngineContext;
  /** Takes in all events that were raised, and all that Defender exported. */
  deliverEvents(): Promise<void>;
  /** Handles every message that is due, and whatever comes due by it, without moving the clock. */
  drain(owner?: string): Promise<void>;
  /** Delivers events, drains, moves the clock to the next message … until nothing is left or `untilMs` has passed. */
  settle(untilMs?: number): Promise<void>;
  audit(stage?: AuditRecord['stage']): readonly AuditRecord[];
  findings(): readonly Finding[];
  tickets(): readonly Ticket[];
  /** Handles every ticket message that is due. */
  deliverTickets(owner?: string): Promise<void>;
  work(): readonly WorkItem[];
  /** Requests that the product made, as `METHOD path` without api-version. */
  calls(): readonly string[];
  /** Those of them that may change something. */
  mutations(): readonly string[];
  stop(): Promise<void>;
}

/** Starts a harness of its own: nothing is shared between two. */
export async function startEngine(options: EngineHarnessOptions = {}): Promise<EngineHarness> {
  const clock = new ManualClock();
  const events: ResourceEvent[] = [];
  const exported: JsonObject[] = [];
  const [ca, cert, key] = readCertificates();
  const simulator = await startAzureSimulator({
    certificates: { ca, cert, key },
    clock,
    seed: options.seed ?? createSampleSubscription(),
    identities: createSampleIdentities(options.actions ?? []),
    onEvent: (event) => events.push(event),
    onExport: (message) => exported.push(message),
  });
  simulator.limits.enabled = false;
  const tables = {
    audit: new MemoryTableStore('audit'),
    findings: new MemoryTableStore('findings'),
    work: new MemoryTableStore('work'),
    guards: new MemoryTableStore('guards'),
    nodes: new MemoryTableStore('nodes'),
    tickets: new MemoryTableStore('tickets'),
    alerts: new MemoryTableStore('alerts'),
  };
  const wrapTable = options.wrapTable ?? ((table: TableStore) => table);
  const wrapPrunable = (table: MemoryTableStore, name: string): PrunableTableStore => {
    const wrapped = wrapTable(table, name);
    if (wrapped === table) return table;
    return {
      ...wrapped,
      remove: async (row, etag) => await table.remove(row, etag),
      removeAll: async (partitionKey, rowKeys) => {
        await table.removeAll(partitionKey, rowKeys);
      },
    };
  };
  const queue: QueuedMessage[] = [];
  const ticketQueue: QueuedMessage[] = [];
  const eventQueue: QueuedMessage[] = [];
  const measured: Measurement[] = [];
  const poison: { name: string; body: string }[] = [];
  const deadLetters: { name: string; body: string }[] = [];
  const clients = createAzureClients({
    credential: simulator.credential('dockwarden'),
    endpoint: simulator.armEndpoint,
    scope: 'https://management.azure.com/.default',
    vaults: { dnsSuffix: 'localhost', scope: 'https://vault.azure.net/.default' },
    ca,
  });
  let environment: Environment = {
    ...(options.environment ?? ENFORCING),
    DOCKWARDEN_PRINCIPAL_ID: simulator.identity('dockwarden').objectId,
    DOCKWARDEN_CLIENT_ID: simulator.identity('dockwarden').clientId,
  };

  function context(): EngineContext {
    const guards = wrapTable(tables.guards, 'guards');
    const created: EngineContext = {
      clock,
      log: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
      settings: parseSettings(environment, { policies, remediations, trackers }),
      clients,
      audit: createTableAuditLog(wrapTable(tables.audit, 'audit')),
      findings: createTableFindings(wrapTable(tables.findings, 'findings')),
      work: createTableWorkItems(wrapTable(tables.work, 'work')),
      sweeps: createTableSweepRecords(guards),
      breakers: createTableBreakers(guards),
      approvals: createTableApprovals(guards),
      queue: queueInto(queue),
      alerts: createTableAlerts(wrapPrunable(tables.alerts, 'alerts')),
      nodes: createTableNodeHistory(tables.nodes),
      tickets: createTableTickets(tables.tickets),
      ticketQueue: queueInto(ticketQueue),
      eventQueue: queueInto(eventQueue),
      queueDepths: {
        of: async (name) =>
          await Promise.resolve({ work: queue, tickets: ticketQueue, events: eventQueue }[name]?.length ?? 0),
      },
      ticketRates: createTableTicketRates(guards),
      ticketSystem: options.ticketSystem,
      poison: {
        async save(queueName, id, body) {
          poison.push({ name: `${queueName}/${id}`, body });
          return await Promise.resolve(`${queueName}/${id}`);
        },
        async *list(kind) {
          const keptAt = clock.now().toISOString();
          for (const { name, body } of kind === 'poison' ? poison : deadLetters)
            yield await Promise.resolve({ kind, name, id: `${kind}/${name}`, size: body.length, keptAt });
        },
        async read({ kind, name }) {
          const found = (kind === 'poison' ? poison : deadLetters).find((kept) => kept.name === name);
          return await Promise.resolve(found && Buffer.from(found.body));
        },
        async remove({ kind, name }) {
          const kept = kind === 'poison' ? poison : deadLetters;
          const index = kept.findIndex((message) => message.name === name);
          if (index !== -1) kept.splice(index, 1);
          return await Promise.resolve(index !== -1);
        },
      },
      policies,
      remediations,
      trackers,
      metrics: {
        record: (measurement) => {
          measured.push(measurement);
        },
      },
      version: '0.0.0-test',
      newRunId: (start) => ulid(start.getTime()),
    };
    const wrapped = options.wrapContext?.(created) ?? created;
    grantRole(wrapped);
    return wrapped;
  }

  function queueInto(messages: QueuedMessage[]): WorkQueue {
    return {
      async send(text, delayMs) {
        messages.push({ text, delayMs, dueAt: clock.now().getTime() + Math.ceil(delayMs / 1000) * 1000 });
        messages.sort((a, b) => a.dueAt - b.dueAt);
        await Promise.resolve();
      },
    };
  }

  /** The first message that is due, taken out. */
  function takeDue(messages: QueuedMessage[]): QueuedMessage | undefined {
    const index = messages.findIndex(({ dueAt }) => dueAt <= clock.now().getTime());
    return index === -1 ? undefined : messages.splice(index, 1)[0];
  }

  let granted = '';
  /** Changes nothing while the settings call for the same role: a test may have taken it away. */
  function grantRole(configured: EngineContext): void {
    const { actions, dataActions } =
      options.actions === undefined ? permissionsFor(configured) : { actions: options.actions, dataActions: [] };
    const wanted = [...actions, ...dataActions].join();
    if (wanted === granted) return;
    granted = wanted;
    simulator.identity('dockwarden').roleAssignments = assignProductRole(actions, dataActions);
  }

  async function deliverEvents(): Promise<void> {
    for (const event of events.splice(0)) await acceptEvents(context(), event);
    for (const message of exported.splice(0)) await acceptEvents(context(), message, 'defender-alerts');
  }

  async function drain(owner?: string): Promise<void> {
    for (;;) {
      const message = takeDue(queue);
      if (message === undefined) return;
      await reconcile(context(), parseWorkMessage(message.text), owner ?? ulid());
    }
  }

  async function deliverTickets(owner?: string): Promise<void> {
    for (;;) {
      const message = takeDue(ticketQueue);
      if (message === undefined) return;
      await deliverTicket(context(), parseTicketMessage(message.text), owner ?? ulid());
    }
  }

  return {
    simulator,
    clock,
    queue,
    ticketQueue,
    eventQueue,
    deliverTickets,
    measured,
    poison,
    deadLetters,
    events,
    exported,
    tables,
    context,
    deliverEvents,
    drain,
    setEnvironment(change) {
      environment = { ...environment, ...change };
    },
    async settle(untilMs = 3_600_000) {
      const end = clock.now().getTime() + untilMs;
      for (;;) {
        await deliverEvents();
        await drain();
        await deliverTickets();
        const next = [queue[0]?.dueAt, ticketQueue[0]?.dueAt]
          .filter((dueAt) => dueAt !== undefined)
          .toSorted(ascending)[0];
        if (events.length === 0 && (next === undefined || next > end)) return;
        if (events.length === 0 && next !== undefined) clock.advance(Math.max(0, next - clock.now().getTime()));
      }
    },
    audit: (stage) =>
      tables.audit.rows
        .map(({ columns }) => AuditRecord.parse(columns))
        .filter((row) => stage === undefined || row.stage === stage),
    tickets: () => tables.tickets.rows.map(({ columns }) => TicketRow.parse(columns)),
    findings: () => tables.findings.rows.map(({ columns }) => FindingRow.parse(columns)),
    work: () => tables.work.rows.map(({ columns }) => WorkItem.parse(readJsonColumns(columns))),
    calls: () => ownRequests(simulator).map(({ method, path }) => `${method} ${path}`),
    mutations: () =>
      ownRequests(simulator)
        .filter(({ method, path }) => method !== 'GET' && !READING_POSTS.test(path))
        .map(({ method, path }) => `${method} ${path}`),
    async stop() {
      await simulator.stop();
    },
  };
}

/** Queries, credentials that name an API server, and the constant command, which is recorded as a notice. */
export const READING_POSTS = /\/microsoft\.resourcegraph\/|\/listClusterUserCredential$|\/runCommand$/i;

function ascending(one: number, other: number): number {
  return one - other;
}

/** Lists and the run are stored as JSON; no other column starts like it. */
function readJsonColumns(columns: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(columns).map(([name, value]) => [name, readJson(value)]));
}

function readJson(value: unknown): unknown {
  return typeof value === 'string' && /^[[{]/.test(value) ? JSON.parse(value) : value;
}

function readCertificates(): readonly [ca: string, cert: string, key: string] {
  const { caFile, certFile, keyFile } = inject('certificates');
  return [readFileSync(caFile, 'utf8'), readFileSync(certFile, 'utf8'), readFileSync(keyFile, 'utf8')];
}

function ownRequests(simulator: AzureSimulator) {
  return simulator.requests.filter(({ caller }) => caller === 'dockwarden');
}
