import type { Clock } from '../../src/engine/ports.ts';

/** From this real moment on, time runs so fast. */
export interface Pace {
  /** Real time, milliseconds since 1970. */
  readonly from: number;
  /** What the clock shows then. */
  readonly shows: number;
  /** Milliseconds on the clock per real millisecond. */
  readonly speed: number;
}

/**
 * A clock that runs faster than time, and the same in every process that knows its paces: the waits of the product, minutes and hours
 * long, pass in seconds while none of its limits is touched.
 */
export class ScaledClock implements Clock {
  readonly #realNow: () => number;
  #paces: readonly [Pace, ...Pace[]];

  constructor(paces: readonly [Pace, ...Pace[]], realNow: () => number = Date.now) {
    this.#paces = paces;
    this.#realNow = realNow;
  }

  now(): Date {
    return new Date(this.#showAt(this.#realNow()));
  }

  get paces(): readonly [Pace, ...Pace[]] {
    return this.#paces;
  }

  get speed(): number {
    return this.#paceAt(this.#realNow()).speed;
  }

  /** How long a wait on this clock takes in reality, as far as that is known now. */
  toReal(milliseconds: number): number {
    return milliseconds / this.speed;
  }

  /** The pace that makes it run at another speed after some real time: long enough for every process to hear of it first. */
  changeOver(speed: number, afterMs: number): Pace {
    const from = this.#realNow() + afterMs;
    return { from, shows: this.#showAt(from), speed };
  }

  add(pace: Pace): void {
    this.#paces = [...this.#paces, pace];
  }

  #showAt(real: number): number {
    const { from, shows, speed } = this.#paceAt(real);
    return shows + (real - from) * speed;
  }

  #paceAt(real: number): Pace {
    return this.#paces.findLast(({ from }) => from <= real) ?? this.#paces[0];
  }
}
