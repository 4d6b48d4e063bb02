import { draw } from './random.ts';
import type { ScaledClock } from './scaled-clock.ts';
import type { Outage } from './worker-messages.ts';

/** Every worker has heard of it by then, in real milliseconds. */
const LEAD_MS = 500;
const LEAST_MS = 2500;

/** The audit table goes away once, while the workers are busy: after a seeded share of the resources has been looked at. */
export class AuditOutage {
  readonly #clock: ScaledClock;
  readonly #announce: (outage: Outage) => void;
  readonly #afterLooks: number;
  readonly #lengthMs: number;
  #outage: Outage | undefined;

  constructor(seed: string, resources: number, clock: ScaledClock, announce: (outage: Outage) => void) {
    this.#clock = clock;
    this.#announce = announce;
    this.#afterLooks = resources * (0.2 + 0.6 * draw(seed, 'outage'));
    this.#lengthMs = Math.max(LEAST_MS, resources * 8);
  }

  /** Undefined before it is announced. */
  get outage(): Outage | undefined {
    return this.#outage;
  }

  look(looks: number): void {
    if (this.#outage !== undefined || looks < this.#afterLooks) return;
    const { speed } = this.#clock;
    const from = this.#clock.now().getTime() + LEAD_MS * speed;
    this.#outage = { from, to: from + this.#lengthMs * speed };
    this.#announce(this.#outage);
  }
}
