import { describe, expect, it } from 'vitest';
import { createEstate } from '../../local/chaos/estate.ts';
import { EvaluationTally } from '../../local/chaos/evaluations.ts';
import { type Fate, fateOf } from '../../local/chaos/fates.ts';
import { findMissing } from '../../local/chaos/figures.ts';
import { planKills } from '../../local/chaos/kills.ts';
import { parseChaosOptions } from '../../local/chaos/options.ts';
import { createPlan } from '../../local/chaos/plan.ts';
import { createRandom } from '../../local/chaos/random.ts';
import { FULL_RATES } from '../../local/chaos/run-chaos.ts';
import { ScaledClock } from '../../local/chaos/scaled-clock.ts';
import type { LookNote } from '../../local/chaos/worker-messages.ts';

const now = new Date('2026-11-23T08:00:00Z');

function plan(seed: string, events = 600, resources = 60) {
  return createPlan(seed, createEstate(createRandom(seed, 'estate'), resources, now).members, events);
}

function share(method: string, wanted: readonly Fate[]): number {
  const path = '/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/r';
  const met = Array.from({ length: 10_000 }, (_, nth) => fateOf('one', FULL_RATES, { method, path }, nth));
  return met.filter((fate) => wanted.includes(fate)).length / met.length;
}

function tally(...looks: readonly Partial<LookNote>[]) {
  const counted = new EvaluationTally();
  const look: LookNote = { type: 'look', resource: 'r', causes: [], attempt: 0, isTakenOver: false };
  for (const change of looks) counted.take({ ...look, ...change });
  return counted.counts;
}

function event(id: string) {
  return [{ id, kind: 'event' }];
}

function parse(...args: string[]) {
  return parseChaosOptions(args, () => 'fresh');
}

describe('the plan of a chaos run', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(plan('one')).toEqual(plan('one'));
    expect(plan('one')).not.toEqual(plan('two'));
    expect(planKills('one', 5, 100)).toEqual(planKills('one', 5, 100));
    expect(planKills('one', 5, 100)).not.toEqual(planKills('two', 5, 100));
  });

  it('sends exactly the events asked for: each at least once, some twice, not in order', () => {
    const { writes, messages, duplicates } = plan('one');
    const sent = messages.flat();

    expect(sent).toHaveLength(600);
    expect(duplicates).toBe(100);
    expect(new Set(sent).size).toBe(writes.length);
    expect(writes).toHaveLength(500);
    expect(sent).not.toEqual(sent.toSorted((one, other) => one - other));
    expect(Math.max(...messages.map(({ length }) => length))).toBeGreaterThan(1);
    expect(Math.min(...messages.map(({ length }) => length))).toBe(1);
  });

  it('changes every resource, one in five twice', () => {
    const { writes, changed } = plan('one');

    expect(new Set(writes.map(({ id }) => id)).size).toBe(60);
    expect(changed).toBe(72);
  });

  it('refuses fewer events than there are changes to tell of', () => {
    expect(() => plan('one', 60)).toThrow('at least 72 changes');
  });
});

describe('the estate of a chaos run', () => {
  it('holds every reason not to be fixed', () => {
    const { members, seed } = createEstate(createRandom('one', 'estate'), 60, now);
    const natures = new Set(members.map(({ nature }) => nature));

    expect(natures).toEqual(new Set(['ordinary', 'locked', 'in-use', 'exempt', 'value-not-allowed']));
    expect(seed.resources).toHaveLength(61);
    expect(seed.locks).toHaveLength(1);
  });
});

describe('the fate of a request', () => {
  it('is as likely as was asked for', () => {
    expect(share('GET', ['throttled', 'throttled-wait'])).toBeCloseTo(0.2, 1);
    expect(share('GET', ['error', 'gateway'])).toBeCloseTo(0.05, 1);
    expect(share('PATCH', ['busy'])).toBeCloseTo(0.05, 1);
    expect(share('PATCH', ['answered'])).toBeCloseTo(0.68, 1);
  });

  it('is never a busy resource for a read', () => {
    expect(share('GET', ['busy'])).toBe(0);
  });
});

describe('a scaled clock', () => {
  it('shows the same in every process that knows its paces', () => {
    let real = 1000;
    const first = new ScaledClock([{ from: 1000, shows: 0, speed: 10 }], () => real);
    const pace = first.changeOver(100, 50);
    first.add(pace);
    const second = new ScaledClock(first.paces, () => real);

    const shown = [1000, 1049, 1050, 1060].map((moment) => {
      real = moment;
      return [first.now().getTime(), second.now().getTime()];
    });

    expect(shown).toEqual([
      [0, 0],
      [490, 490],
      [500, 500],
      [1500, 1500],
    ]);
  });

  it('says how long a wait takes in reality', () => {
    expect(new ScaledClock([{ from: 0, shows: 0, speed: 60 }], () => 0).toReal(120_000)).toBe(2000);
  });
});

describe('a look at a live resource', () => {
  it('is one for new events only once for each event', () => {
    const counts = tally({ causes: event('a') }, { causes: event('a') }, { causes: [...event('a'), ...event('b')] });

    expect(counts).toEqual({ total: 3, fresh: 2, again: 1, waited: 0, takenOver: 0, asked: 0 });
  });

  it('is told apart when something had to wait, a worker died, or a sweep asked', () => {
    const counts = tally(
      { causes: event('a'), attempt: 1 },
      { causes: event('a'), isTakenOver: true },
      { causes: [{ id: 's', kind: 'sweep' }] },
    );

    expect(counts).toEqual({ total: 3, fresh: 0, again: 0, waited: 1, takenOver: 1, asked: 1 });
  });
});

describe('a run in which nothing went wrong', () => {
  const none = {
    throttled: 0,
    'throttled-wait': 0,
    error: 0,
    gateway: 0,
    busy: 0,
    lost: 0,
    'answer-lost': 0,
    answered: 9,
  };
  const some = { ...none, throttled: 1, gateway: 1, busy: 1, 'answer-lost': 1 };

  it('proves nothing, and says so', () => {
    const counts = { killed: 0, killsPlanned: 1, auditRefused: 0, duplicates: 0, reads: none, writes: none };

    expect(findMissing(counts)).toHaveLength(7);
  });

  it('is not one in which everything did', () => {
    const counts = { killed: 1, killsPlanned: 1, auditRefused: 1, duplicates: 1, reads: none, writes: some };

    expect(findMissing(counts)).toEqual([]);
  });
});

describe('the options of a chaos run', () => {
  it('have the size that the project promises', () => {
    expect(parse()).toMatchObject({ seed: 'fresh', events: 10_000, resources: 1000, kills: 20, format: 'table' });
    expect(parse('--seed', '7', '--format', 'json')).toMatchObject({ seed: '7', format: 'json' });
  });

  it.each([
    [['--events', 'many'], '--events takes a whole number'],
    [['--events', '100', '--resources', '60'], 'at least twice --resources'],
    [['--workers', '0'], '--workers takes a whole number'],
    [['--format', 'xml'], '--format takes table or json'],
    [['--seed', 'a b'], '--seed takes'],
    [['--unknown'], '--unknown'],
    [['stray'], 'stray'],
  ])('refuse %s', (args, words) => {
    expect(() => parse(...args)).toThrow(words);
  });
});
