import { ulid } from 'ulid';
import { expect } from 'vitest';
import { AuditRecord } from '../../src/audit/audit-log.ts';
import { createTableAuditLog } from '../../src/audit/table-audit-log.ts';
import { createAzureClients } from '../../src/azure/clients.ts';
import { createTableAlerts } from '../../src/defender/table-alerts.ts';
import type { EngineContext } from '../../src/engine/ports.ts';
import { deliverTicket } from '../../src/engine/tickets/deliver.ts';
import { needsDelivery } from '../../src/engine/tickets/outbox.ts';
import type { Look } from '../../src/engine/tickets/sightings.ts';
import { sweepTickets } from '../../src/engine/tickets/sweep-tickets.ts';
import { TicketLooks } from '../../src/engine/tickets/ticket-looks.ts';
import { parseTicketMessage } from '../../src/events/ticket-message.ts';
import { createTableFindings } from '../../src/findings/table-findings.ts';
import { createTableApprovals } from '../../src/guards/approvals.ts';
import { createTableSweepRecords } from '../../src/guards/sweep-record.ts';
import { createTableBreakers } from '../../src/guards/table-breakers.ts';
import { createTableTicketRates } from '../../src/guards/ticket-rates.ts';
import { createTableNodeHistory } from '../../src/nodes/table-node-history.ts';
import { createPoisonStore } from '../../src/poison/poison-store.ts';
import { policies } from '../../src/policy/catalogue.ts';
import type { Part, PartItem } from '../../src/policy/define-policy.ts';
import { remediations, trackers } from '../../src/remediations/catalogue.ts';
import { parseResourceId } from '../../src/resources/resource-id.ts';
import { type Environment, parseSettings } from '../../src/settings/settings.ts';
import { noMetrics } from '../../src/telemetry/metrics.ts';
import { createTableTickets, TicketRow } from '../../src/tickets/table-tickets.ts';
import type { Ticket } from '../../src/tickets/ticket.ts';
import { ticketKey } from '../../src/tickets/ticket-key.ts';
import type { TicketSystem } from '../../src/tickets/ticket-system.ts';
import { createTableWorkItems } from '../../src/work/table-work-items.ts';
import type { WorkQueue } from '../../src/work/work-queue.ts';
import { MemoryTableStore } from '../support/memory-table-store.ts';
import type { RigClock } from './ticket-rig.ts';

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
/** Looks that agree are this far apart at least. */
export const GRACE = 15 * MINUTE;
/** A worker that died holds its lease for so long. */
export const LEASE = 120_000;

const CLUSTER = parseResourceId(
  '/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/rg/providers/Microsoft.ContainerService/managedClusters/aks-prod',
);
const POLICY_ID = 'aks-node-reboot-completed';
const TRACKER_ID = 'aks-track-node-reboots';
/** After a handler threw, the host delivers again after this long, at most five times. */
const AFTER_THROW = 30_000;
const MAX_DELIVERIES = 5;
/** More in one go means that messages beget messages. */
const MAX_STEPS = 20_000;
const ENVIRONMENT: Environment = {
  SCOPES: CLUSTER.subscriptionId,
  AzureWebJobsStorage__accountName: 'testaccount',
  REMEDIATE_AKS_TRACK_NODE_REBOOTS: 'enforce',
  SWEEP_SCHEDULE: '0 0 * * * *',
  DOCKWARDEN_PRINCIPAL_ID: '00000000-0000-4000-8000-00000000d0c1',
  DOCKWARDEN_CLIENT_ID: '00000000-0000-4000-8000-00000000d0c2',
};

/** One message in the queue `tickets`. */
export interface TicketMail {
  readonly text: string;
  readonly dueAt: number;
  /** How often its handler has thrown. */
  readonly tries: number;
}

/** What one look at an agent pool says. */
export type PoolLook = readonly PartItem[] | 'clean' | 'unclear' | 'gone' | 'exempt';

export interface DeskOptions {
  readonly clock: RigClock;
  readonly system: TicketSystem;
}

/** The engine's part that deals with tickets, over tables and a queue in memory; no Azure behind it. */
export interface TicketDesk {
  readonly clock: RigClock;
  /** Another system from the next invocation on; undefined = the table only. */
  system: TicketSystem | undefined;
  /** Changes what every invocation from now on works with. */
  wrap: (context: EngineContext) => EngineContext;
  readonly queue: TicketMail[];
  readonly poison: TicketMail[];
  setEnvironment(change: Environment): void;
  context(): EngineContext;
  /** The pool as it is seen now; every other pool stays as it was. */
  see(look: PoolLook, options?: { readonly pool?: string; readonly confidence?: 'certain' | 'likely' }): Promise<void>;
  /** Two looks that agree: the ticket is open (or resolved), and nobody has been told yet. */
  seeTwice(look: PoolLook, pool?: string): Promise<void>;
  keyOf(pool?: string): string;
  /** The row; throws when there is none. */
  ticket(pool?: string): Ticket;
  tickets(): readonly Ticket[];
  /** Reason codes of the audit rows about the ticket, in the order of writing. */
  story(pool?: string): readonly string[];
  audit(): readonly AuditRecord[];
  /** One invocation for one message, of a worker of its own. */
  deliver(pool?: string): Promise<void>;
  /** As the host does: handles what is due, delivers what threw again, and moves the clock to the next message, so far. */
  run(forMs?: number): Promise<void>;
  /** The sweep, and what follows from it at once. */
  sweep(): Promise<void>;
}

export function node(name: string, id = `uid-${name}`): PartItem {
  return { name, id, since: '2026-11-19T10:00:00Z', detail: 'kured asks for a reboot since 2026-11-19T10:00:00Z' };
}

export const NODES: readonly PartItem[] = [node('aks-apps-0'), node('aks-apps-1')];

export function openDesk(options: DeskOptions): TicketDesk {
  const { clock } = options;
  const tables = {
    audit: new MemoryTableStore('audit'),
    guards: new MemoryTableStore('guards'),
    tickets: new MemoryTableStore('tickets'),
    others: new MemoryTableStore('others'),
  };
  const queue: TicketMail[] = [];
  const poison: TicketMail[] = [];
  /** In the order of writing: keys of the same millisecond do not tell. */
  const written: AuditRecord[] = [];
  const known = new Map<string, readonly string[]>();
  let environment = ENVIRONMENT;
  const clients = createAzureClients({
    credential: { getToken: async () => await Promise.reject(new Error('nobody asks Azure here')) },
    endpoint: 'https://localhost:9',
    scope: 'https://management.azure.com/.default',
    vaults: { dnsSuffix: 'localhost', scope: 'https://vault.azure.net/.default' },
  });
  const policy = policies.find(({ id }) => id === POLICY_ID);
  if (policy === undefined) throw new Error(`${POLICY_ID} is not in the catalogue`);
  const silent: WorkQueue = { send: async () => await Promise.resolve() };
  const audit = createTableAuditLog(tables.audit);

  function context(): EngineContext {
    return desk.wrap({
      clock,
      log: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
      settings: parseSettings(environment, { policies, remediations, trackers }),
      clients,
      audit: {
        ...audit,
        async append(key, record) {
          const isNew = await audit.append(key, record);
          written.push(AuditRecord.parse(record));
          return isNew;
        },
      },
      findings: createTableFindings(tables.others),
      work: createTableWorkItems(tables.others),
      sweeps: createTableSweepRecords(tables.guards),
      breakers: createTableBreakers(tables.guards),
      approvals: createTableApprovals(tables.guards),
      queue: silent,
      alerts: createTableAlerts(tables.others),
      nodes: createTableNodeHistory(tables.others),
      tickets: createTableTickets(tables.tickets),
      ticketQueue: {
        async send(text, delayMs) {
          queue.push({ text, dueAt: clock.now().getTime() + Math.ceil(delayMs / 1000) * 1000, tries: 0 });
          await Promise.resolve();
        },
      },
      eventQueue: silent,
      queueDepths: { of: async () => await Promise.resolve(0) },
      ticketRates: createTableTicketRates(tables.guards),
      ticketSystem: desk.system,
      poison: createPoisonStore(async () => await Promise.reject(new Error('no message is unreadable here'))),
      policies,
      remediations,
      trackers,
      metrics: noMetrics,
      version: '0.0.0-test',
      newRunId: (start) => ulid(start.getTime()),
    });
  }

  function tickets(): readonly Ticket[] {
    return tables.tickets.rows.map(({ columns }) => TicketRow.parse(columns));
  }

  /** The first message that is due, taken out. */
  function takeDue(): TicketMail | undefined {
    queue.sort((one, other) => one.dueAt - other.dueAt);
    const [first] = queue;
    return first !== undefined && first.dueAt <= clock.now().getTime() ? queue.shift() : undefined;
  }

  async function handle(mail: TicketMail): Promise<void> {
    try {
      await deliverTicket(context(), parseTicketMessage(mail.text), ulid());
    } catch {
      const again = { ...mail, tries: mail.tries + 1, dueAt: clock.now().getTime() + AFTER_THROW };
      (again.tries < MAX_DELIVERIES ? queue : poison).push(again);
    }
  }

  const keyOf = (pool = 'apps'): string =>
    ticketKey({ policyId: POLICY_ID, resourceId: CLUSTER.id, discriminator: pool });

  const desk: TicketDesk = {
    clock,
    system: options.system,
    wrap: (created) => created,
    queue,
    poison,
    setEnvironment(change) {
      environment = { ...environment, ...change };
    },
    context,
    keyOf,
    tickets,
    audit: () => written,
    async see(seen, { pool = 'apps', confidence = 'certain' } = {}) {
      const looking = context();
      const looks = new TicketLooks(looking, CLUSTER, undefined);
      const parts = seen === 'gone' ? [] : [partOf(pool, seen, confidence)];
      const isExempt = seen === 'exempt';
      const look: Look = {
        target: CLUSTER,
        policy,
        verdict: { verdict: 'violation', evidence: {}, parts },
        decision: isExempt
          ? { decision: 'exempt', reason: 'exempt-resource' }
          : { decision: 'ticket', reason: 'ticket-only' },
        remediationId: TRACKER_ID,
        isTracked: true,
        isInScope: true,
        actor: undefined,
        knownParts: known.get(pool) ?? [],
      };
      known.set(pool, await looks.note(look, GRACE));
      await looks.settle();
    },
    async seeTwice(seen, pool = 'apps') {
      await desk.see(seen, { pool });
      clock.advance(GRACE);
      await desk.see(seen, { pool });
    },
    ticket(pool) {
      const found = tickets().find(({ key }) => key === keyOf(pool));
      if (found === undefined) throw new Error('there is no such ticket');
      return found;
    },
    story: (pool) => written.filter(({ ticketKey: key }) => key === keyOf(pool)).map(({ reason = '' }) => reason),
    async deliver(pool) {
      await deliverTicket(context(), { key: keyOf(pool) }, ulid());
    },
    async run(forMs = 0) {
      const end = clock.now().getTime() + forMs;
      for (let steps = 0; ; steps += 1) {
        if (steps > MAX_STEPS) throw new Error('the queue never comes to rest');
        const mail = takeDue();
        if (mail !== undefined) {
          await handle(mail);
          continue;
        }
        const next = Math.min(queue[0]?.dueAt ?? end, end);
        if (next <= clock.now().getTime()) return;
        clock.advance(next - clock.now().getTime());
      }
    },
    async sweep() {
      await sweepTickets(context());
      await desk.run();
    },
  };
  return desk;
}

function partOf(name: string, seen: Exclude<PoolLook, 'gone'>, confidence: 'certain' | 'likely'): Part {
  if (seen === 'clean') return { name, verdict: 'compliant', evidence: {}, strength: 3 };
  if (seen === 'unclear') return { name, verdict: 'unknown', evidence: { missing: 'no permission' } };
  const items = seen === 'exempt' ? NODES : seen;
  const found = items.map((item) => item.name).join(', ');
  return { name, verdict: 'violation', evidence: { found }, confidence, strength: 3, items };
}

/** What must hold whenever nobody is at work: no message is lost, no lease is left, and whatever the other system has was on record before. */
export function expectOrder(desk: TicketDesk): void {
  expect(desk.poison).toEqual([]);
  const context = desk.context();
  for (const ticket of desk.tickets()) {
    // A worker that died has left its lease behind, until it is over.
    const leasedUntil = Date.parse(ticket.leaseUntil ?? new Date(0).toISOString());
    expect(leasedUntil, `${ticket.key} is left`).toBeLessThanOrEqual(context.clock.now().getTime());
    const mails = desk.queue.filter(({ text }) => parseTicketMessage(text).key === ticket.key);
    // What is missing there waits for the next sweep.
    const isDue = needsDelivery(context, ticket) && ticket.missingSince === undefined;
    if (isDue) expect(mails.length, `${ticket.key} has a message`).toBeGreaterThan(0);
    const rows = desk.audit().filter(({ ticketKey: key }) => key === ticket.key);
    const reasons = rows.map(({ reason = '' }) => reason);
    if (ticket.remoteId === undefined) continue;
    const known = reasons.findIndex((reason) => reason === 'ticket-created' || reason === 'ticket-adopted');
    const opened = reasons.findIndex((reason) => reason === 'ticket-opened');
    expect(opened, `${ticket.key} was opened on record`).toBeGreaterThanOrEqual(0);
    expect(known, `${ticket.key} was opened on record before it was created`).toBeGreaterThan(opened);
    expect(rows[known]).toMatchObject({ ticketUrl: expect.stringMatching(/^https:\/\//) });
  }
}
