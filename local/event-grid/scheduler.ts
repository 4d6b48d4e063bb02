/** Time as deliveries see it: tests move it by hand, the local run takes the real one. */
export interface Scheduler {
  now(): Date;
  /** Runs once after `delayMs`; answers with what cancels it. */
  schedule(run: () => void, delayMs: number): () => void;
}

/** Time that stands still until it is advanced. */
export interface ManualScheduler extends Scheduler {
  /** Moves the time on and starts everything that falls due meanwhile, in order of its time. */
  advance(milliseconds: number): void;
}

/** setTimeout takes no longer wait; what is due later is looked at again then. */
const longestWaitMs = 2 ** 31 - 1;

export const realScheduler: Scheduler = {
  now: () => new Date(),
  schedule(run, delayMs) {
    const timer = setTimeout(run, Math.min(delayMs, longestWaitMs));
    // A retry in an hour must not keep a process alive.
    timer.unref();
    return () => clearTimeout(timer);
  },
};

export function createManualScheduler(start: Date): ManualScheduler {
  let time = start.getTime();
  const tasks = new Set<{ readonly due: number; readonly run: () => void }>();

  return {
    now: () => new Date(time),
    schedule(run, delayMs) {
      const task = { due: time + delayMs, run };
      tasks.add(task);
      return () => {
        tasks.delete(task);
      };
    },
    advance(milliseconds) {
      const end = time + milliseconds;
      for (;;) {
        const [next] = [...tasks].filter(({ due }) => due <= end).toSorted((one, other) => one.due - other.due);
        if (next === undefined) break;
        tasks.delete(next);
        time = Math.max(time, next.due);
        next.run();
      }
      time = end;
    },
  };
}
