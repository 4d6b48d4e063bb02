import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  admit,
  type BreakerLimits,
  type BreakerState,
  EMPTY_STATE,
  isLimiting,
  MAX_ENTRIES,
  noteFailure,
  reset,
  type Slot,
  withdraw,
} from '../../src/guards/breaker.ts';

const START = Date.parse('2026-11-23T10:00:00.000Z');
const MINUTE = 60_000;
const WINDOW = 10 * MINUTE;

function limits(change: Partial<BreakerLimits> = {}): BreakerLimits {
  return {
    windowMs: WINDOW,
    cap: undefined,
    sharePercent: undefined,
    failurePercent: undefined,
    failureMinimum: 10,
    ...change,
  };
}

/** Minutes after the start. */
function at(minutes: number): Date {
  return new Date(START + minutes * MINUTE);
}

function slot(key: string, minutes: number, kind: Slot['kind'] = 'admitted'): Slot {
  return { key, at: at(minutes).getTime(), kind };
}

function state(slots: readonly Slot[], change: Partial<BreakerState> = {}): BreakerState {
  return { ...EMPTY_STATE, slots, ...change };
}

function keys(count: number, prefix = 'k'): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${index}`);
}

/** One guard that remembers, asked at minutes after the start. */
function guard(own: BreakerLimits, first: BreakerState = EMPTY_STATE) {
  let now = first;
  return {
    limits: own,
    get state() {
      return now;
    },
    ask(key: string, minutes: number) {
      const { admission, states } = admit([{ state: now, limits: own }], key, at(minutes));
      now = states[0] ?? now;
      if (admission.result === 'later') return (admission.at.getTime() - START) / MINUTE;
      return admission.result;
    },
    fail(key: string, minutes: number) {
      now = noteFailure({ state: now, limits: own }, key, at(minutes));
    },
    reset() {
      now = reset(now);
    },
    withdraw(key: string) {
      now = withdraw(now, key);
    },
  };
}

describe('a cap', () => {
  it('lets so many different keys through in one window, and books the first free times for the rest', () => {
    const breaker = guard(limits({ cap: 2 }));

    expect(breaker.ask('a', 0)).toBe('admitted');
    expect(breaker.ask('b', 3)).toBe('admitted');
    expect(breaker.ask('c', 4)).toBe(10);
    expect(breaker.ask('d', 5)).toBe(13);
    expect(breaker.ask('e', 6)).toBe(20);
  });

  it('counts a key from its last admission, and lets it through again without another place', () => {
    const breaker = guard(limits({ cap: 2 }));
    breaker.ask('a', 0);
    breaker.ask('b', 1);

    expect(breaker.ask('a', 5)).toBe('admitted');
    expect(breaker.ask('c', 6)).toBe(11);
    expect(breaker.ask('d', 7)).toBe(15);
  });

  it('keeps the booking of a key that asks again too early, and changes nothing', () => {
    const breaker = guard(limits({ cap: 1 }));
    breaker.ask('a', 0);
    breaker.ask('b', 1);
    const before = breaker.state;

    expect(breaker.ask('b', 9)).toBe(10);
    expect(breaker.state).toBe(before);
  });

  it('keeps a place free that is booked, even while the window still has room', () => {
    const breaker = guard(limits({ cap: 1 }), state([slot('b', 5, 'booked')]));

    expect(breaker.ask('c', 0)).toBe(15);
    expect(breaker.ask('b', 5)).toBe('admitted');
  });

  it('lets through early who booked, when a place has come free for it', () => {
    const breaker = guard(limits({ cap: 2 }), state([slot('a', 0), slot('b', 10, 'booked')]));

    expect(breaker.ask('b', 5)).toBe('admitted');
    expect(breaker.state.slots).toEqual([slot('a', 0), slot('b', 5)]);
  });

  it('puts off a key whose turn it is when those before it came late, behind them and before those after it', () => {
    const late = [slot('a', 12), slot('b', 13)];
    const due = [slot('c', 20, 'booked'), slot('d', 20, 'booked')];
    const after = [slot('e', 30, 'booked'), slot('f', 30, 'booked')];
    const breaker = guard(limits({ cap: 2 }), state([...late, ...due, ...after]));

    expect(breaker.ask('c', 20)).toBe(22);
    expect(breaker.ask('d', 21)).toBe(23);
    expect(breaker.ask('c', 22)).toBe('admitted');
    expect(breaker.ask('d', 23)).toBe('admitted');
    expect(breaker.ask('e', 30)).toBe(32);
  });

  it('gives nothing to a newcomer while those whose turn it is have not asked', () => {
    const breaker = guard(limits({ cap: 2 }), state([slot('a', 10, 'booked'), slot('b', 10, 'booked')]));

    expect(breaker.ask('new', 11)).toBe(20);
    expect(breaker.ask('a', 12)).toBe('admitted');
  });

  it('drops what is older than the window with the next write, bookings that nobody came for too', () => {
    const breaker = guard(limits({ cap: 5 }), state([slot('old', 0), slot('never', 1, 'booked'), slot('still', 2)]));

    breaker.ask('a', 11);

    expect(breaker.state.slots).toEqual([slot('still', 2), slot('a', 11)]);
    expect(breaker.state.windowMs).toBe(WINDOW);
  });

  it('counts what an instance with a faster clock let through, and moves nothing back', () => {
    const breaker = guard(limits({ cap: 1 }), state([slot('a', 1)]));

    expect(breaker.ask('b', 0)).toBe(11);
    expect(breaker.ask('a', 0)).toBe('admitted');
    expect(breaker.state.slots[0]).toEqual(slot('a', 1));
  });

  it.each([
    ['without a known fleet', undefined, 5],
    ['below 20 known resources', 19, 5],
    ['from 20 known resources on', 20, 2],
    ['rounded up', 21, 3],
    ['up to the number', 100, 5],
    ['exactly', 30, 3],
  ])('is a share of the fleet where that is less: %s', (_name, fleet, expected) => {
    const breaker = guard(limits({ cap: 5, sharePercent: 10 }), state([], { fleet }));

    expect(keys(9).filter((key) => breaker.ask(key, 0) === 'admitted')).toHaveLength(expected);
  });

  it.each([
    ['never less than one', 1, 20, 1],
    ['of an estate that nobody has counted yet, as if that were 20', 20, undefined, 4],
    ['of which nothing is left below 20 known resources', 20, 19, 9],
  ])('may be a share alone: %s', (_name, sharePercent, fleet, expected) => {
    const breaker = guard(limits({ sharePercent }), state([], { fleet }));

    expect(keys(9).filter((key) => breaker.ask(key, 0) === 'admitted')).toHaveLength(expected);
  });

  it('that was switched off lets everybody through, and ends its trip', () => {
    const capped = guard(limits({ cap: 1 }));
    capped.ask('a', 0);
    capped.ask('b', 0);
    const open = guard(limits({ failurePercent: 50 }), capped.state);

    expect(open.ask('b', 1)).toBe('admitted');
    expect(open.state.trip).toBeUndefined();
  });
});

describe('the trip of a cap', () => {
  it('begins with the first booking, and ends when the last one is let through', () => {
    const breaker = guard(limits({ cap: 1 }));
    breaker.ask('a', 0);
    expect(breaker.state.trip).toBeUndefined();

    breaker.ask('b', 1);
    breaker.ask('c', 2);
    const trip = { kind: 'cap', since: at(1).toISOString(), announced: false };
    expect(breaker.state.trip).toEqual(trip);
    breaker.ask('b', 10);
    expect(breaker.state.trip).toEqual(trip);
    breaker.ask('c', 20);
    expect(breaker.state.trip).toBeUndefined();
  });

  it('is one of the guard that has no place, though both have the booking', () => {
    const guards = [
      { state: state([slot('a', 0)]), limits: limits({ cap: 1 }) },
      { state: state([slot('a', 0)]), limits: limits({ cap: 5 }) },
    ];

    const { admission, states } = admit(guards, 'b', at(1));

    expect(admission).toEqual({ result: 'later', at: at(10) });
    expect(states.map(({ trip }) => trip?.kind)).toEqual(['cap', undefined]);
    expect(states.map(({ slots }) => slots[1])).toEqual([slot('b', 10, 'booked'), slot('b', 10, 'booked')]);
  });
});

describe('two guards', () => {
  it('have to have a place at the same time', () => {
    const one = { state: state([slot('a', 0), slot('x', 12, 'booked')]), limits: limits({ cap: 1 }) };
    const other = { state: state([slot('b', 4)]), limits: limits({ cap: 1 }) };

    const { admission } = admit([one, other], 'new', at(5));

    expect(admission).toEqual({ result: 'later', at: at(22) });
  });

  it('count what passed one of them though the other keeps it waiting', () => {
    const long = { state: state([slot('a', 0)]), limits: limits({ cap: 1, windowMs: 60 * MINUTE }) };
    const short = { state: state([slot('b', 15)]), limits: limits({ cap: 1 }) };

    const { admission, states } = admit([long, short], 'a', at(20));

    expect(admission).toEqual({ result: 'later', at: at(25) });
    expect(states[0]?.slots).toEqual([slot('a', 0)]);
    expect(states[1]?.slots).toEqual([slot('b', 15), slot('a', 25, 'booked')]);
    const again = admit(
      [
        { ...long, state: states[0] ?? EMPTY_STATE },
        { ...short, state: states[1] ?? EMPTY_STATE },
      ],
      'a',
      at(21),
    );
    expect(again.admission).toEqual(admission);
    expect(again.states).toEqual(states);
  });

  it('agree on a new time when they have different ones', () => {
    const one = { state: state([slot('a', 0), slot('b', 10, 'booked')]), limits: limits({ cap: 1 }) };
    const other = { state: state([slot('a', 0)]), limits: limits({ cap: 1 }) };

    const { admission, states } = admit([one, other], 'b', at(1));

    expect(admission).toEqual({ result: 'later', at: at(10) });
    expect(states[0]?.slots).toEqual(states[1]?.slots);
  });

  it('without a cap book nothing', () => {
    const one = { state: state([slot('a', 0)]), limits: limits({ cap: 1 }) };
    const other = { state: state([slot('a', 0)]), limits: limits({ failurePercent: 50 }) };

    const { states } = admit([one, other], 'b', at(1));

    expect(states[1]).toBe(other.state);
  });
});

describe('a guard with as many slots as a row holds', () => {
  const booked = keys(MAX_ENTRIES - 1).map((key, index) => slot(key, 1 + index, 'booked'));
  const full = state([slot('a', 0), ...booked]);

  it('books nothing more, and sends newcomers to the last booking', () => {
    const breaker = guard(limits({ cap: 10 }), full);

    expect(breaker.ask('new', 0.5)).toBe(MAX_ENTRIES - 1);
    expect(breaker.state.slots).toBe(full.slots);
    expect(breaker.state.trip?.kind).toBe('cap');
    const tripped = breaker.state;
    expect(breaker.ask('another', 0.6)).toBe(MAX_ENTRIES - 1);
    expect(breaker.state).toBe(tripped);
  });

  it('goes on serving those that it knows', () => {
    const breaker = guard(limits({ cap: 10 }), full);

    expect(breaker.ask('a', 0.5)).toBe('admitted');
    expect(breaker.ask('k0', 1)).toBe('admitted');
    // The first slot is dropped: there is room for one booking again.
    expect(breaker.ask('new', 10.6)).toBe(MAX_ENTRIES);
    expect(breaker.state.slots.at(-1)).toEqual(slot('new', MAX_ENTRIES, 'booked'));
  });

  it('sends newcomers to when the first slot comes free, if nothing is booked', () => {
    const slots = keys(MAX_ENTRIES).map((key, index) => slot(key, index / 1000));
    const breaker = guard(limits({ cap: 10_000 }), state(slots));

    expect(breaker.ask('new', 1)).toBe(10);
  });

  it('keeps the newest where there is no cap, for the failure rate', () => {
    const breaker = guard(limits({ failurePercent: 50 }));

    for (const [index, key] of keys(MAX_ENTRIES + 100).entries())
      expect(breaker.ask(key, index / 1000)).toBe('admitted');

    expect(breaker.state.slots).toHaveLength(MAX_ENTRIES);
    expect(breaker.state.slots.at(-1)?.key).toBe(`k${MAX_ENTRIES + 99}`);
    breaker.fail('k0', 1);
    expect(breaker.state.slots.at(-1)).toEqual(slot('k0', 1, 'failed'));
    expect(breaker.state.slots).toHaveLength(MAX_ENTRIES);
  });

  it('does not drop what a cap counts for the sake of a late failure', () => {
    const breaker = guard(limits({ cap: 10, failurePercent: 50 }), full);

    breaker.fail('gone', 0.5);

    expect(breaker.state).toBe(full);
  });
});

describe('the failure rate', () => {
  const half = limits({ failurePercent: 50 });

  it('opens at the share and the number, not before, and then nothing passes', () => {
    const breaker = guard(half);
    for (const key of keys(10)) breaker.ask(key, 0);
    for (const key of keys(4)) breaker.fail(key, 1);
    expect(breaker.state.trip).toBeUndefined();

    breaker.fail('k4', 2);

    expect(breaker.state.trip).toEqual({ kind: 'failure-rate', since: at(2).toISOString(), announced: false });
    const tripped = breaker.state;
    expect(breaker.ask('k0', 3)).toBe('open');
    expect(breaker.ask('new', 300)).toBe('open');
    expect(breaker.state).toBe(tripped);
  });

  it('says since when', () => {
    const trip = { kind: 'failure-rate', since: at(2).toISOString(), announced: true } as const;

    const { admission } = admit([{ state: state([], { trip }), limits: half }], 'a', at(9));

    expect(admission).toEqual({ result: 'open', since: trip.since });
  });

  it('counts below its minimum for nothing, and opens when the last one that was missing has started', () => {
    const breaker = guard(half);
    for (const key of keys(9)) {
      breaker.ask(key, 0);
      breaker.fail(key, 1);
    }
    expect(breaker.state.trip).toBeUndefined();

    expect(breaker.ask('k9', 2)).toBe('admitted');
    expect(breaker.state.trip).toEqual({ kind: 'failure-rate', since: at(2).toISOString(), announced: false });
    expect(breaker.ask('new', 2)).toBe('open');
  });

  it('is looked at with every question: what happened while no limit was set counts when it is', () => {
    const slots = [...keys(6).map((key) => slot(key, 0, 'failed')), ...keys(4, 'x').map((key) => slot(key, 0))];
    const breaker = guard(half, state(slots));

    expect(breaker.ask('new', 1)).toBe('open');
    expect(breaker.state.trip?.since).toBe(at(1).toISOString());
  });

  it('takes the place of a cap, in one guard or the other', () => {
    const both = limits({ cap: 10, failurePercent: 50 });
    const breaker = guard(both);
    for (const key of keys(11)) breaker.ask(key, 0);
    expect(breaker.state.trip?.kind).toBe('cap');

    for (const key of keys(5)) breaker.fail(key, 1);

    expect(breaker.state.trip?.kind).toBe('failure-rate');
    const guards = [
      { state: EMPTY_STATE, limits: both },
      { state: breaker.state, limits: both },
    ];
    expect(admit(guards, 'new', at(2)).admission.result).toBe('open');
  });

  it('forgets the failure of a key that is let through again', () => {
    const breaker = guard(half);
    breaker.ask('a', 0);
    breaker.fail('a', 1);
    expect(breaker.state.slots).toEqual([slot('a', 0, 'failed')]);

    breaker.ask('a', 2);

    expect(breaker.state.slots).toEqual([slot('a', 2)]);
  });

  it('counts the same failure once, none of a key that waits, and a late one when it is known', () => {
    const breaker = guard(limits({ cap: 1, failurePercent: 50 }));
    breaker.ask('a', 0);
    breaker.ask('b', 1);
    breaker.fail('a', 2);
    const before = breaker.state;

    breaker.fail('a', 3);
    breaker.fail('b', 3);
    expect(breaker.state).toBe(before);
    breaker.fail('a', 25);
    expect(breaker.state.slots).toEqual([slot('a', 25, 'failed')]);
  });

  it('stops fixes that take longer than the window', () => {
    const breaker = guard(half);
    for (const key of keys(10)) breaker.ask(key, 0);

    for (const key of keys(10)) breaker.fail(key, 15);

    expect(breaker.state.trip?.kind).toBe('failure-rate');
  });

  it('that is switched off counts nothing, and ends its trip', () => {
    const trip = { kind: 'failure-rate', since: at(0).toISOString(), announced: true } as const;
    const off = limits({ cap: 1 });
    const breaker = guard(off, state([slot('a', 0)], { trip }));
    breaker.fail('a', 1);

    expect(breaker.state.slots).toEqual([slot('a', 0)]);
    expect(breaker.ask('a', 1)).toBe('admitted');
    expect(breaker.state.trip).toBeUndefined();
  });
});

describe('a reset', () => {
  it('lets another cap of keys through at once, and what waited drains at the cap', () => {
    const breaker = guard(limits({ cap: 2 }), state([], { fleet: 7 }));
    const bookings = keys(8).map((key) => ({ key, answer: breaker.ask(key, 0) }));

    breaker.reset();

    expect(breaker.state.trip).toBeUndefined();
    expect(breaker.state.fleet).toBe(7);
    expect(breaker.ask('new', 5)).toBe('admitted');
    // Those that waited come at the times that they were given.
    const answers = bookings.flatMap(({ key, answer }) =>
      typeof answer === 'number' ? [breaker.ask(key, answer)] : [],
    );
    expect(answers).toEqual(['admitted', 15, 'admitted', 25, 'admitted', 35]);
  });
});

describe('limits', () => {
  it.each([
    [{}, false],
    [{ cap: 1 }, true],
    [{ sharePercent: 1 }, true],
    [{ failurePercent: 1 }, true],
  ])('%o limit something: %s', (change, expected) => {
    expect(isLimiting(limits(change))).toBe(expected);
  });
});

interface Asker {
  readonly key: string;
  /** Indexes of its two guards. */
  readonly guards: readonly [number, number];
  readonly arrives: number;
  /** How late it comes, each time; the last one stands for all others. */
  readonly lateness: readonly number[];
  /** Waits after an admission before it asks again. */
  readonly again: readonly number[];
}

interface Run {
  readonly admissions: readonly { readonly key: string; readonly time: number; readonly guards: readonly number[] }[];
  readonly asked: ReadonlyMap<string, number>;
}

/** Everybody asks at arrival, at the time that it was given (or later), and perhaps again after an admission. Milliseconds. */
function simulate(all: readonly BreakerLimits[], askers: readonly Asker[]): Run {
  const states = all.map(() => EMPTY_STATE);
  const queue = askers.map((asker) => ({
    asker,
    time: asker.arrives,
    again: [...asker.again],
    lateness: [...asker.lateness],
  }));
  const admissions: Run['admissions'][number][] = [];
  const asked = new Map<string, number>();
  for (let steps = 0; queue.length > 0; steps += 1) {
    if (steps > 40 * askers.length) throw new Error('somebody is never let through');
    queue.sort((one, other) => one.time - other.time);
    const event = queue.shift();
    if (event === undefined) break;
    const { asker, time } = event;
    const guards = asker.guards.map((index) => ({
      state: states[index] ?? EMPTY_STATE,
      limits: all[index] ?? limits(),
    }));
    const decision = admit(guards, asker.key, new Date(time));
    for (const [index, next] of decision.states.entries()) {
      states[asker.guards[index] ?? 0] = next;
      expect(new Set(next.slots.map(({ key }) => key)).size).toBe(next.slots.length);
    }
    asked.set(asker.key, (asked.get(asker.key) ?? 0) + 1);
    if (decision.admission.result === 'later') {
      const due = decision.admission.at.getTime();
      if (due <= time) throw new Error('sent back to ask at once');
      queue.push({
        ...event,
        time: due + (event.lateness.length > 1 ? (event.lateness.shift() ?? 0) : (event.lateness[0] ?? 0)),
      });
    } else {
      admissions.push({ key: asker.key, time, guards: asker.guards });
      const wait = event.again.shift();
      if (wait !== undefined) queue.push({ ...event, time: time + wait });
    }
  }
  return { admissions, asked };
}

/** The most different keys that a guard let through in any window. */
function findPeak({ admissions }: Run, guardIndex: number, windowMs: number): number {
  const own = admissions.filter(({ guards }) => guards.includes(guardIndex));
  const counts = own.map(
    ({ time }) =>
      new Set(own.filter((one) => one.time > time - windowMs && one.time <= time).map(({ key }) => key)).size,
  );
  return Math.max(0, ...counts);
}

function askerOf(index: number): fc.Arbitrary<Asker> {
  return fc.record({
    key: fc.constant(`k${index}`),
    guards: fc.tuple(fc.constantFrom(0, 1), fc.constantFrom(2, 3)),
    arrives: fc.integer({ min: 0, max: 40 }),
    lateness: fc.array(fc.integer({ min: 0, max: 15 }), { minLength: 1, maxLength: 3 }).map((all) => [...all, 0]),
    again: fc.array(fc.integer({ min: 0, max: 15 }), { maxLength: 3 }),
  });
}

/** So many come within a second. */
function crowd(count: number, lateness: (index: number) => number): readonly Asker[] {
  return keys(count).map((key, index) => {
    return { key, guards: [0, 1], arrives: START + index, lateness: [lateness(index)], again: [] };
  });
}

/** Up to ten seconds, all over the place. */
function upToTenSeconds(index: number): number {
  return (index * 7919) % 10_000;
}

describe('any number of keys', () => {
  const limitsOf = fc
    .record({ windowMs: fc.integer({ min: 1, max: 12 }), cap: fc.integer({ min: 1, max: 4 }) })
    .map((change) => limits(change));
  const scene = fc.record({
    all: fc.tuple(limitsOf, limitsOf, limitsOf, limitsOf),
    askers: fc
      .integer({ min: 1, max: 25 })
      .chain((count) => fc.tuple(...keys(count).map((_, index) => askerOf(index)))),
  });

  it('never passes a guard above its cap in any window, however late it wakes, and each passes in the end', () => {
    fc.assert(
      fc.property(scene, ({ all, askers }) => {
        const run = simulate(all, askers);

        expect(new Set(run.admissions.map(({ key }) => key)).size).toBe(askers.length);
        for (const [index, { cap = 0, windowMs }] of all.entries())
          expect(findPeak(run, index, windowMs)).toBeLessThanOrEqual(cap);
      }),
      { numRuns: 1000 },
    );
  });

  it('would be seen passing above a cap', () => {
    const admissions = [0, 3, 4].map((time) => ({ key: `k${time}`, time, guards: [0] }));

    expect(findPeak({ admissions, asked: new Map() }, 0, 4)).toBe(2);
    expect(findPeak({ admissions, asked: new Map() }, 0, 5)).toBe(3);
  });

  const caps = [limits({ cap: 20 }), limits({ cap: 50 })];

  it('comes through 20 per window when 500 arrive at once, each after one wake-up', () => {
    const run = simulate(
      caps,
      crowd(500, () => 0),
    );

    const perWindow = Map.groupBy(run.admissions, ({ time }) => Math.floor((time - START) / WINDOW));
    expect([...perWindow.values()].map((all) => all.length)).toEqual(Array.from({ length: 25 }, () => 20));
    expect(Math.max(...run.asked.values())).toBe(2);
    expect(findPeak(run, 0, WINDOW)).toBe(20);
  });

  it('comes through in the end where there are more than can be booked', () => {
    const askers = crowd(MAX_ENTRIES + 200, () => 0);

    const run = simulate([limits({ cap: 100 }), limits({ cap: 100 })], askers);

    expect(run.admissions).toHaveLength(askers.length);
    expect(findPeak(run, 0, WINDOW)).toBe(100);
    expect(Math.max(...run.asked.values())).toBeLessThanOrEqual(3);
  });

  it('loses only its lateness per window when everybody wakes late', () => {
    const run = simulate(caps, crowd(500, upToTenSeconds));

    const last = Math.max(...run.admissions.map(({ time }) => time)) - START;
    expect(findPeak(run, 0, WINDOW)).toBe(20);
    expect(last).toBeLessThan(25 * (WINDOW + 20_000));
    expect([...run.asked.values()].reduce((sum, count) => sum + count, 0)).toBeLessThan(500 * 4);
  });
});

describe('a place that is given back', () => {
  it('is free for the next one who asks', () => {
    const breaker = guard(limits({ cap: 1 }));
    breaker.ask('a', 0);
    expect(breaker.ask('b', 1)).toBe(10);
    expect(breaker.ask('c', 2)).toBe(20);

    breaker.withdraw('b');

    expect(breaker.ask('d', 3)).toBe(10);
    expect(breaker.ask('c', 4)).toBe(20);
  });

  it('is only one that was booked: what was done, or has failed, counts on', () => {
    const counted = state([slot('a', 0), slot('b', 1, 'failed')]);

    expect(withdraw(counted, 'a')).toBe(counted);
    expect(withdraw(counted, 'b')).toBe(counted);
    expect(withdraw(counted, 'nobody')).toBe(counted);
    expect(withdraw(EMPTY_STATE, 'a')).toBe(EMPTY_STATE);
  });

  it('ends the trip of the cap when it was the last, and no other trip', () => {
    const booked = [slot('a', 0), slot('b', 10, 'booked'), slot('c', 20, 'booked')];
    const cap = { kind: 'cap', since: at(1).toISOString(), announced: true } as const;
    const rate = { ...cap, kind: 'failure-rate' } as const;

    const one = withdraw(state(booked, { trip: cap, fleet: 7 }), 'b');
    expect(one).toEqual(state([slot('a', 0), slot('c', 20, 'booked')], { trip: cap, fleet: 7 }));
    expect(withdraw(one, 'c')).toEqual(state([slot('a', 0)], { fleet: 7 }));
    const open = withdraw(withdraw(state(booked, { trip: rate }), 'b'), 'c');
    expect(open).toEqual(state([slot('a', 0)], { trip: rate }));
    expect(withdraw(state(booked), 'b').trip).toBeUndefined();
  });

  it('never lets more through than the cap, whoever gives back what, whenever', () => {
    const moves = fc.array(fc.record({ key: fc.nat(12), minutes: fc.nat(3), isGivenBack: fc.boolean() }), {
      maxLength: 80,
    });

    fc.assert(
      fc.property(moves, fc.integer({ min: 1, max: 4 }), (made, cap) => {
        const breaker = guard(limits({ cap }));
        const admitted: { readonly key: string; readonly at: number }[] = [];
        let minute = 0;
        for (const { key, minutes, isGivenBack } of made) {
          minute += minutes;
          if (isGivenBack) breaker.withdraw(`k${key}`);
          else if (breaker.ask(`k${key}`, minute) === 'admitted') admitted.push({ key: `k${key}`, at: minute });
        }
        for (const { at: end } of admitted) {
          const within = admitted.filter((one) => one.at <= end && one.at > end - 10);
          expect(new Set(within.map(({ key }) => key)).size).toBeLessThanOrEqual(cap);
        }
      }),
    );
  });
});
