import type { Clock } from '../../src/engine/ports.ts';
import type { WorkerNote } from './worker-messages.ts';
import type { WorkerPool } from './worker-pool.ts';

const HOUR = 3_600_000;
/** After a sweep that was incomplete, or whose worker has died: as the function is registered, and for want of an answer. */
const RETRY = 5 * 60_000;
const SILENCE = HOUR;

/** The timer of the sweep: one at a time, by whichever worker is there. */
export class SweepTimer {
  readonly #clock: Clock;
  readonly #pool: Pick<WorkerPool, 'tellOne'>;
  #dueAt: number;
  #finished = 0;
  #isUnderWay = false;

  constructor(clock: Clock, pool: Pick<WorkerPool, 'tellOne'>) {
    this.#clock = clock;
    this.#pool = pool;
    this.#dueAt = clock.now().getTime() + HOUR;
  }

  /** Complete ones. */
  get finished(): number {
    return this.#finished;
  }

  /** Is one asked for that has not said how it ended? One whose worker has died counts as long as the next is not due. */
  get isUnderWay(): boolean {
    return this.#isUnderWay && this.#clock.now().getTime() < this.#dueAt;
  }

  look(): void {
    const now = this.#clock.now().getTime();
    if (now < this.#dueAt) return;
    this.#isUnderWay = true;
    this.#dueAt = now + SILENCE;
    this.#pool.tellOne({ type: 'sweep' });
  }

  take({ isComplete }: Extract<WorkerNote, { type: 'swept' }>): void {
    this.#isUnderWay = false;
    this.#dueAt = this.#clock.now().getTime() + (isComplete ? HOUR : RETRY);
    if (isComplete) this.#finished += 1;
  }
}
