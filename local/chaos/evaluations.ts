import type { LookNote } from './worker-messages.ts';

/** Looks at live resources, by what called for them. */
export interface Evaluations {
  readonly total: number;
  /** Had an event to look at that no look had seen before. */
  readonly fresh: number;
  /** A sweep asked for them, or a moment that a decision had named. */
  readonly asked: number;
  /** Came back to something that had to wait: throttled, busy, failing, not visible yet. */
  readonly waited: number;
  /** Took over from a worker that had died, or had lost its lease. */
  readonly takenOver: number;
  /** Came back after storage had failed. */
  readonly again: number;
}

/** Sorts looks by their causes. */
export class EvaluationTally {
  readonly #seen = new Map<string, Set<string>>();
  readonly #counts = { total: 0, fresh: 0, asked: 0, waited: 0, takenOver: 0, again: 0 };

  get counts(): Evaluations {
    return { ...this.#counts };
  }

  take({ resource, causes, attempt, isTakenOver }: LookNote): void {
    const seen = this.#seen.get(resource) ?? new Set();
    this.#seen.set(resource, seen);
    const news = causes.filter(({ id }) => !seen.has(id));
    for (const { id } of news) seen.add(id);
    this.#counts.total += 1;
    if (news.some(({ kind }) => kind === 'event') && attempt === 0 && !isTakenOver) this.#counts.fresh += 1;
    else if (isTakenOver) this.#counts.takenOver += 1;
    else if (attempt > 0) this.#counts.waited += 1;
    else if (news.length > 0) this.#counts.asked += 1;
    else this.#counts.again += 1;
  }
}
