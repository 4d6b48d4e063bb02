import { setTimeout as wait } from 'node:timers/promises';
import type { LoggedRequest } from '../azure/request-log.ts';
import { AuditOutage } from './audit-outage.ts';
import { type ChaosWorld, QUEUES, startWorld } from './chaos-world.ts';
import { Delivery } from './delivery.ts';
import { createEstate } from './estate.ts';
import { findViolations, JUDGED, readTables, readWork } from './evidence.ts';
import { armFates, type FateCounts, type FaultRates } from './fates.ts';
import { type ChaosReport, type Counts, createReport } from './figures.ts';
import { type Evidence, findBroken } from './guarantees.ts';
import { armKills, planKills } from './kills.ts';
import { Notebook } from './notebook.ts';
import { createPlan, type Plan } from './plan.ts';
import { QueueGauge } from './queue-gauge.ts';
import { createRandom } from './random.ts';
import { ScaledClock } from './scaled-clock.ts';
import { SweepTimer } from './sweeps.ts';
import type { WorkerConfig } from './worker-messages.ts';
import { WorkerPool } from './worker-pool.ts';

export interface ChaosRunOptions {
  readonly seed: string;
  readonly events: number;
  readonly resources: number;
  readonly workers: number;
  readonly kills: number;
  /** How much faster than time the product's clock runs while events come in, and when only stragglers are left. */
  readonly speed: number;
  readonly lastSpeed: number;
  readonly rates: FaultRates;
  readonly minutes: number;
  readonly interrupted: AbortSignal;
  readonly onProgress: (line: string) => void;
  /** Told all that is looked at in the end. */
  readonly onEvidence?: (evidence: Evidence) => Promise<void>;
}

/** What `npm run chaos` promises to do to the product. */
export const FULL_RATES: FaultRates = { throttled: 0.2, failing: 0.05, busy: 0.05, dropped: 0.02 };

/** So much faster than before the clock runs when only stragglers are left. */
export const LAST_FACTOR = 10;

const START = Date.parse('2026-11-23T08:00:00Z');
/** Azure holds a message for ten minutes while its function runs; the emulator for two real seconds at least. */
const HELD_SECONDS = 600;
const LEAST_HELD_SECONDS = 2;
/** Looks at resources that a worker takes on at once. */
const BATCH = 2;
const LOOK_MS = 200;
const PROGRESS_MS = 5000;
/** How often a straggler is looked at, on the product's clock: the longest wait of a back-off. */
const STRAGGLER_WAIT_MS = 15 * 60_000;
/** Looks at stragglers per real second that a small machine can stand. */
const STRAGGLER_LOOKS = 8;
/** A pace is changed by so much at least. */
const PACE_STEP = 1.3;
/** Every process has heard of a new pace by then. */
const PACE_LEAD_MS = 1000;
/** Requests that the product makes for one resource at least, roughly. */
const REQUESTS_PER_RESOURCE = 4;

/** Runs it, checks it, and leaves nothing behind. Rejects when it is interrupted or cannot be set up. */
export async function runChaos(options: ChaosRunOptions): Promise<ChaosReport> {
  const { onProgress, resources, seed } = options;
  onProgress(`chaos run with seed ${seed}: starting storage, simulated Azure and ${options.workers} workers`);
  const estate = createEstate(createRandom(seed, 'estate'), resources, new Date(START));
  const plan = createPlan(seed, estate.members, options.events);
  const clock = new ScaledClock([{ from: Date.now(), shows: START, speed: options.speed }]);
  let delivery: Delivery | undefined;
  const world = await startWorld(estate.seed, clock, (event) => delivery?.take(event));
  try {
    const { simulator, queues } = world;
    const gauge = new QueueGauge(queues, QUEUES);
    delivery = new Delivery({
      simulator,
      clock,
      queue: queues.getQueueClient('resource-events'),
      depth: () => gauge.depth,
      ended: options.interrupted,
    });
    const run = new ChaosRun(options, { world, clock, gauge, delivery, plan });
    return await run.perform(() => findViolations(simulator, estate.members));
  } finally {
    await world.stop();
  }
}

interface Parts {
  readonly world: ChaosWorld;
  readonly clock: ScaledClock;
  readonly gauge: QueueGauge;
  readonly delivery: Delivery;
  readonly plan: Plan;
}

class ChaosRun {
  readonly #options: ChaosRunOptions;
  readonly #parts: Parts;
  readonly #notes: Notebook;
  readonly #requests: LoggedRequest[] = [];
  readonly #stranded = new Set<string>();
  readonly #startedAt = Date.now();
  #sweeps: SweepTimer | undefined;
  #outage: AuditOutage | undefined;
  #failure: unknown;

  constructor(options: ChaosRunOptions, parts: Parts) {
    this.#options = options;
    this.#parts = parts;
    this.#notes = new Notebook(options.onProgress);
  }

  async perform(violations: () => Evidence['violations']): Promise<ChaosReport> {
    const { seed, rates, kills, resources } = this.#options;
    const { world, delivery, plan } = this.#parts;
    const pool = await this.#startWorkers();
    let fates: { readonly reads: FateCounts; readonly writes: FateCounts };
    let isDrained: boolean;
    try {
      const { clock } = this.#parts;
      this.#sweeps = new SweepTimer(clock, pool);
      this.#outage = new AuditOutage(seed, resources, clock, (outage) => pool.tellAll({ type: 'outage', outage }));
      fates = armFates(world.simulator, seed, rates);
      armKills(world.simulator, planKills(seed, kills, resources * REQUESTS_PER_RESOURCE), pool);
      delivery.perform(plan).catch((error: unknown) => {
        this.#failure = error;
      });
      isDrained = await this.#waitForEnd(pool);
    } finally {
      await pool.stop();
    }
    const evidence = await this.#collect(isDrained, pool, violations());
    await this.#options.onEvidence?.(evidence);
    return createReport(seed, evidence, this.#count(pool, fates), findBroken(evidence));
  }

  async #startWorkers(): Promise<WorkerPool> {
    const { workers } = this.#options;
    return await WorkerPool.start({
      size: workers,
      environment: this.#parts.world.environment,
      config: (): WorkerConfig => ({
        paces: [...this.#parts.clock.paces],
        heldSeconds: Math.max(LEAST_HELD_SECONDS, Math.round(HELD_SECONDS / this.#options.speed)),
        batchSize: BATCH,
        ...(this.#outage?.outage !== undefined && { outage: this.#outage.outage }),
      }),
      onNote: (note) => {
        this.#notes.take(note);
        if (note.type === 'swept') this.#sweeps?.take(note);
      },
    });
  }

  /** True when everything is done; false when the time is up. */
  async #waitForEnd(pool: WorkerPool): Promise<boolean> {
    const { interrupted, minutes, kills } = this.#options;
    const { delivery, gauge } = this.#parts;
    let progressAt = Date.now() + PROGRESS_MS;
    while (Date.now() < this.#startedAt + minutes * 60_000) {
      interrupted.throwIfAborted();
      if (this.#failure !== undefined) throw new Error('the events could not be sent', { cause: this.#failure });
      this.#takeRequests();
      await delivery.sendOthers();
      this.#outage?.look(this.#notes.looks.counts.total);
      await gauge.read();
      if (Date.now() >= progressAt) {
        progressAt = Date.now() + PROGRESS_MS;
        this.#tellProgress(pool);
      }
      if (delivery.isDone) this.#speedUp(pool);
      const isQuiet = delivery.isDone && gauge.depth === 0;
      if (isQuiet && pool.killed >= kills && (await this.#isIdle())) return true;
      // At the end a sweep would hide that a message got lost, so only what nobody would take up any more is left to it.
      if (isQuiet || !delivery.isDone) this.#sweeps?.look();
      await wait(LOOK_MS);
    }
    return false;
  }

  /** With empty queues: is nothing marked, and nobody at work? What is, the next sweep takes up. */
  async #isIdle(): Promise<boolean> {
    const { world, gauge, delivery } = this.#parts;
    if (this.#sweeps?.isUnderWay === true) return false;
    const rows = await readWork(world.storage.table, world.simulator.credential('operator'));
    await gauge.read();
    if (gauge.depth > 0 || !delivery.isDone) return false;
    const stranded = rows.filter(
      ({ leaseOwner, run, pending }) => leaseOwner !== undefined || run !== undefined || pending.length > 0,
    );
    // What was given up on is left to the sweep on purpose.
    if (this.#notes.poisoned === 0) for (const { resourceId } of stranded) this.#stranded.add(resourceId);
    return stranded.length === 0;
  }

  /** In the end only waits of a quarter of an hour are left, of fewer and fewer resources: there is nothing to see in them. */
  #speedUp(pool: WorkerPool): void {
    const { clock, gauge } = this.#parts;
    const { lastSpeed } = this.#options;
    const bearable = (STRAGGLER_LOOKS * STRAGGLER_WAIT_MS) / 1000 / Math.max(1, gauge.depth);
    const speed = Math.round(Math.min(lastSpeed, bearable));
    const latest = clock.paces.at(-1)?.speed ?? speed;
    if (speed <= latest || (speed < latest * PACE_STEP && speed < lastSpeed)) return;
    const pace = clock.changeOver(speed, PACE_LEAD_MS);
    clock.add(pace);
    pool.tellAll({ type: 'pace', pace });
  }

  #takeRequests(): void {
    const { requests } = this.#parts.world.simulator;
    this.#requests.push(...requests.splice(0).filter(({ isInProcess }) => !isInProcess));
  }

  #tellProgress(pool: WorkerPool): void {
    const { delivery, gauge } = this.#parts;
    const seconds = Math.round((Date.now() - this.#startedAt) / 1000);
    this.#options.onProgress(
      `${seconds} s: ${delivery.sent} of ${this.#options.events} events sent, ${gauge.depth} messages wait, ${this.#notes.looks.counts.total} evaluations, ${this.#requests.length} requests, ${pool.killed} workers killed`,
    );
  }

  async #collect(isDrained: boolean, pool: WorkerPool, violations: Evidence['violations']): Promise<Evidence> {
    const { world, gauge, delivery, plan } = this.#parts;
    this.#takeRequests();
    const tables = await readTables(world.storage.table, world.simulator.credential('operator'));
    return {
      ...tables,
      isDrained,
      violations,
      judged: JUDGED,
      requests: this.#requests,
      changes: delivery.changes,
      queues: await gauge.read(),
      evaluations: this.#notes.looks.counts,
      changed: plan.changed,
      places: this.#options.workers * (BATCH + Math.floor(BATCH / 2)),
      robbed: this.#notes.robbed,
      stranded: [...this.#stranded],
      crashes: pool.crashes,
    };
  }

  #count(pool: WorkerPool, fates: Pick<Counts, 'reads' | 'writes'>): Counts {
    const { resources, workers, kills } = this.#options;
    const { delivery, plan, gauge, clock } = this.#parts;
    return {
      ...fates,
      resources,
      events: delivery.sent,
      duplicates: plan.duplicates,
      ownEvents: delivery.othersSent,
      workers,
      killsPlanned: kills,
      killed: pool.killed,
      auditRefused: this.#notes.auditRefused,
      sweeps: this.#sweeps?.finished ?? 0,
      longestQueue: gauge.longest,
      handlerFailures: this.#notes.handlerFailures,
      poisoned: this.#notes.poisoned,
      realMs: Date.now() - this.#startedAt,
      clockMs: clock.now().getTime() - START,
      log: this.#notes.log,
    };
  }
}
