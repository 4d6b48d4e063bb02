/** A value of a metric, from an instant on; undefined = nobody exposes it any more. */
interface Step {
  readonly at: number;
  readonly value: 0 | 1 | undefined;
}

/** One stretch of a series with a single value; `to` is exclusive. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
  readonly value: 0 | 1;
}

/**
 * What a Prometheus that scrapes all the time has recorded of `kured_reboot_required` of one cluster: every change with its time. Without end and
 * without the gaps between scrapes.
 */
export class RebootSeries {
  readonly #steps = new Map<string, Step[]>();

  /** The nodes that expose the metric at this time, with their values; a node that had one and is not named has none from here on. */
  record(at: Date, values: ReadonlyMap<string, 0 | 1>): void {
    const time = at.getTime();
    for (const node of new Set([...this.#steps.keys(), ...values.keys()])) {
      const steps = this.#steps.get(node) ?? [];
      this.#steps.set(node, steps);
      const value = values.get(node);
      // A change at the same instant replaces the one before: nobody has scraped in between.
      const last = steps.at(-1);
      if (last !== undefined && last.at >= time) steps.pop();
      if (steps.at(-1)?.value !== value) steps.push({ at: time, value });
    }
  }

  /** Nodes that have ever exposed the metric, by name. */
  nodes(): readonly string[] {
    return [...this.#steps.keys()].toSorted();
  }

  /** Stretches with a value that overlap the time from `from` to `to`, both included; milliseconds. */
  stretches(node: string, from: number, to: number): readonly Stretch[] {
    const steps = this.#steps.get(node) ?? [];
    return steps.flatMap(({ at, value }, index) => {
      const end = steps[index + 1]?.at ?? Number.POSITIVE_INFINITY;
      return value !== undefined && at <= to && end > from ? [{ from: at, to: end, value }] : [];
    });
  }

  /** The value at an instant (milliseconds); undefined = no series then. */
  valueAt(node: string, at: number): 0 | 1 | undefined {
    return this.stretches(node, at, at)[0]?.value;
  }
}
