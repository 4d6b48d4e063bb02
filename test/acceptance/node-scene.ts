import { ulid } from 'ulid';
import { expect } from 'vitest';
import type { KubernetesCluster } from '../../local/azure/kubernetes/kubernetes-cluster.ts';
import type { KubernetesSeed } from '../../local/azure/kubernetes/kubernetes-seed.ts';
import { type SampleName, sampleId } from '../../local/azure/sample-ids.ts';
import { createSampleSubscription } from '../../local/azure/sample-subscription.ts';
import type { AuditRecord } from '../../src/audit/audit-log.ts';
import { reconcile } from '../../src/engine/reconcile.ts';
import { sweepResources } from '../../src/engine/sweep.ts';
import { deliverTicket } from '../../src/engine/tickets/deliver.ts';
import { parseTicketMessage } from '../../src/events/ticket-message.ts';
import { parseWorkMessage } from '../../src/events/work-message.ts';
import type { Finding } from '../../src/findings/findings.ts';
import type { Environment } from '../../src/settings/settings.ts';
import type { Ticket } from '../../src/tickets/ticket.ts';
import { ticketKey } from '../../src/tickets/ticket-key.ts';
import type { TrackingSystem } from '../../src/tickets/ticket-system.ts';
import { ENFORCING, type EngineHarness, type EngineHarnessOptions, startEngine } from '../support/engine-harness.ts';
import { createRedmineRig, type RedmineRig } from '../tickets/redmine-rig.ts';
import type { StoredTicket } from '../tickets/ticket-rig.ts';

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

export const CLUSTER = sampleId('aks-prod');
export const REBOOTS = 'aks-node-reboot-completed';
export const COVERAGE = 'aks-node-reboot-coverage-complete';
/** After a handler threw, the host delivers again after this long. */
const AFTER_THROW = 30_000;

/** More in one story means that messages beget messages. */
const MAX_STEPS = 20_000;

/** Nodes are watched, and their tickets go out. Nothing else is wrong with the clusters. */
export const WATCHING: Environment = {
  ...ENFORCING,
  POLICY_AKS_REQUIRED_TAGS_PRESENT: 'off',
  POLICY_AKS_NODE_REBOOT_COMPLETED: 'on',
  POLICY_AKS_NODE_REBOOT_COVERAGE_COMPLETE: 'on',
  REMEDIATE_AKS_TRACK_NODE_REBOOTS: 'enforce',
  REMEDIATE_AKS_TRACK_NODE_REBOOT_COVERAGE: 'enforce',
};

export interface NodeSceneOptions extends Pick<EngineHarnessOptions, 'wrapContext'> {
  readonly environment?: Environment;
  /** Instead of the sample's: three nodes of `apps` that kured has annotated four days ago, and cannot drain. */
  readonly kubernetes?: Omit<KubernetesSeed, 'clusterId'>;
  /** What the subscription holds; default: the cluster only. */
  readonly resources?: readonly SampleName[];
  /** What the engine talks to instead of Redmine's adapter as it is. */
  readonly connect?: (rig: RedmineRig) => TrackingSystem;
}

/** A cluster whose nodes miss reboots, the whole engine, and a Redmine that gets the tickets. One clock for all. */
export interface NodeScene {
  readonly engine: EngineHarness;
  readonly rig: RedmineRig;
  readonly kubernetes: KubernetesCluster;
  /** Names of the nodes of `apps` that miss a reboot at first. */
  readonly overdue: readonly string[];
  /** A sweep after so long, and whatever follows within `forMs`. */
  look(after?: number, forMs?: number): Promise<void>;
  /** Handles what is due with so many workers, and moves the clock to whatever comes within `forMs`. */
  work(forMs?: number, workers?: number): Promise<void>;
  /** The row of the ticket; throws when there is none. */
  ticket(policyId?: string, pool?: string): Ticket;
  /** Tickets of the key in Redmine. */
  remote(policyId?: string, pool?: string): readonly StoredTicket[];
  /** The only one of them. */
  only(policyId?: string, pool?: string): StoredTicket;
  finding(policyId?: string): Finding | undefined;
  /** Audit rows about the ticket, oldest first. */
  story(policyId?: string, pool?: string): readonly AuditRecord[];
  reasons(policyId?: string, pool?: string): readonly (string | undefined)[];
  creates(): number;
  stop(): Promise<void>;
}

export async function startNodes(options: NodeSceneOptions = {}): Promise<NodeScene> {
  const { environment = {}, kubernetes, resources = ['aks-prod'], connect, ...rest } = options;
  const rig = await createRedmineRig();
  const sample = createSampleSubscription();
  const wanted = new Set(resources.map((name) => sampleId(name).toLowerCase()));
  const engine = await startEngine({
    ...rest,
    environment: { ...WATCHING, ...environment },
    seed: {
      ...sample,
      resources: sample.resources.filter(({ id }) => wanted.has(id.toLowerCase())),
      locks: [],
      ...(kubernetes !== undefined && { kubernetes: [{ clusterId: CLUSTER, ...kubernetes }] }),
    },
    ticketSystem: connect?.(rig) ?? rig.system,
  });
  tieClocks(engine, rig);
  const cluster = engine.simulator.kubernetes(CLUSTER);

  let steps = 0;
  /** Takes the first message that is due; one whose handler throws comes again. */
  async function takeOne(queue: EngineHarness['queue'], handle: (text: string) => Promise<void>): Promise<boolean> {
    steps += 1;
    if (steps > MAX_STEPS) throw new Error('the queues never come to rest');
    const now = engine.clock.now().getTime();
    const index = queue.findIndex(({ dueAt }) => dueAt <= now);
    const [message] = index === -1 ? [] : queue.splice(index, 1);
    if (message === undefined) return false;
    try {
      await handle(message.text);
    } catch {
      queue.push({ ...message, dueAt: now + AFTER_THROW });
    }
    return true;
  }

  async function drain(queue: EngineHarness['queue'], workers: number, handle: (text: string) => Promise<void>) {
    const worker = async (): Promise<void> => {
      while (await takeOne(queue, handle));
    };
    await Promise.all(Array.from({ length: workers }, worker));
  }

  const keyOf = (policyId = REBOOTS, pool = policyId === REBOOTS ? 'apps' : ''): string =>
    ticketKey({ policyId, resourceId: CLUSTER, discriminator: pool });

  const scene: NodeScene = {
    engine,
    rig,
    kubernetes: cluster,
    overdue: cluster
      .nodes('apps')
      .filter(({ rebootRequiredSince }) => rebootRequiredSince !== undefined)
      .map(({ name }) => name),
    async look(after = 0, forMs = 20 * MINUTE) {
      engine.clock.advance(after);
      await sweepResources(engine.context());
      await scene.work(forMs);
    },
    async work(forMs = 0, workers = 1) {
      const end = engine.clock.now().getTime() + forMs;
      for (;;) {
        await engine.deliverEvents();
        await drain(engine.queue, workers, async (text) => {
          await reconcile(engine.context(), parseWorkMessage(text), ulid());
        });
        // What is written next is later than what was written before.
        engine.clock.advance(1000);
        await drain(engine.ticketQueue, workers, async (text) => {
          await deliverTicket(engine.context(), parseTicketMessage(text), ulid());
        });
        const next = Math.min(...[...engine.queue, ...engine.ticketQueue].map(({ dueAt }) => dueAt));
        const now = engine.clock.now().getTime();
        if (next > Math.max(end, now)) {
          engine.clock.advance(Math.max(0, end - now));
          return;
        }
        engine.clock.advance(Math.max(0, next - now));
      }
    },
    ticket(policyId, pool) {
      const found = engine.tickets().find(({ key }) => key === keyOf(policyId, pool));
      if (found === undefined) throw new Error('there is no such ticket');
      return found;
    },
    remote: (policyId, pool) => rig.server.tickets().filter(({ labels }) => labels.includes(keyOf(policyId, pool))),
    only(policyId, pool) {
      const [first, ...others] = scene.remote(policyId, pool);
      if (first === undefined || others.length > 0) throw new Error(`${others.length} tickets too many, or none`);
      return first;
    },
    finding: (policyId = REBOOTS) =>
      engine.findings().find((found) => found.policyId === policyId && found.resourceId === CLUSTER),
    story: (policyId, pool) =>
      engine
        .audit()
        .filter((row) => row.ticketKey === keyOf(policyId, pool))
        .toSorted((one, other) => one.time.localeCompare(other.time)),
    reasons: (policyId, pool) => scene.story(policyId, pool).map(({ reason }) => reason),
    creates: () => rig.server.requests.filter(({ method }) => method === 'POST').length,
    async stop() {
      await Promise.all([engine.stop(), rig.stop()]);
    },
  };
  return scene;
}

/** Redmine's clock goes by that of the engine. */
export function tieClocks({ clock }: Pick<EngineHarness, 'clock'>, rig: Pick<RedmineRig, 'clock'>): void {
  const follow = (): void => rig.clock.advance(clock.now().getTime() - rig.clock.now().getTime());
  const advance = clock.advance.bind(clock);
  clock.advance = (milliseconds) => {
    advance(milliseconds);
    follow();
  };
  follow();
}

/** What holds at the end of every story: one open ticket for each key at most, none without a row, and no message lost. */
export function expectTidy({ engine, rig }: NodeScene): void {
  const created = engine.audit('ticket').filter(({ reason }) => reason === 'ticket-created');
  for (const { ticketKey: key, ticketUrl } of created) {
    expect(
      engine.tickets().map((ticket) => ticket.key),
      'a ticket that was created has its row',
    ).toContain(key);
    expect(ticketUrl).toMatch(/^https:\/\//);
  }
  const open = rig.server.tickets().filter(({ state }) => state === 'open');
  for (const { key } of engine.tickets()) {
    expect(open.filter(({ labels }) => labels.includes(key)).length, `open ones of ${key}`).toBeLessThan(2);
  }
}
