import { describe, expect, it } from 'vitest';
import { outcomes } from '../../src/audit/audit-log.ts';
import { countReversal, quarantineOf, reversedRun, type WarMemory } from '../../src/engine/war.ts';
import type { Finding, Revert } from '../../src/findings/findings.ts';
import type { PendingCause } from '../../src/work/work-items.ts';

const NOW = new Date('2026-11-23T10:00:00.000Z');
const HOUR = 3_600_000;
const settings = { windowMs: 24 * HOUR, reverts: 3, total: 6 };
const violation = { verdict: 'violation', evidence: {} } as const;

/** Hours after ten o'clock. */
function at(hours: number): Date {
  return new Date(NOW.getTime() + hours * HOUR);
}

function fixed(change: Partial<Finding> = {}): Finding {
  return {
    resourceId: 'r',
    subscriptionId: 's',
    policyId: 'p',
    severity: 'high',
    status: 'closed',
    closedBecause: 'compliant',
    verdict: 'compliant',
    since: NOW.toISOString(),
    updated: NOW.toISOString(),
    attempts: 0,
    lastOutcome: 'fixed',
    lastRunId: 'last run',
    lastFixedAt: NOW.toISOString(),
    ...change,
  };
}

function without<K extends keyof Finding>(finding: Finding, name: K): Omit<Finding, K> {
  const { [name]: _gone, ...rest } = finding;
  return rest;
}

function event(actor?: string, application?: string, change: Partial<PendingCause> = {}): PendingCause {
  return {
    kind: 'event',
    id: 'e',
    time: NOW.toISOString(),
    queuedAt: NOW.toISOString(),
    ...(actor !== undefined && { actor: { id: actor, ...(application !== undefined && { application }) } }),
    ...change,
  };
}

/** Reversals by these writers, an hour apart from ten o'clock on. */
function fight(writers: readonly (PendingCause | undefined)[], change: Partial<typeof settings> = {}): WarMemory {
  return writers.reduce<WarMemory>(
    (memory, cause, hours) => countReversal(memory, 'run', cause, { ...settings, ...change }, at(hours)),
    {},
  );
}

const times = (count: number, cause: PendingCause | undefined) => Array.from({ length: count }, () => cause);

describe('a violation is a reversal', () => {
  it('when it is new since a fix of ours, up to the end of the window', () => {
    expect(reversedRun(fixed(), violation, settings, at(0))).toBe('last run');
    expect(reversedRun(fixed(), violation, settings, at(24))).toBe('last run');
    expect(reversedRun(fixed(), violation, settings, new Date(at(24).getTime() + 1))).toBeUndefined();
  });

  it('counted from when the finding was closed where the moment of the fix is not known', () => {
    const finding = { ...without(fixed({ updated: at(1).toISOString() }), 'lastFixedAt') };

    expect(reversedRun(finding, violation, settings, at(25))).toBe('last run');
    expect(reversedRun(finding, violation, settings, at(25.1))).toBeUndefined();
  });

  it('not when nobody knew of it, it was open all the time, or it cannot be judged', () => {
    expect(reversedRun(undefined, violation, settings, NOW)).toBeUndefined();
    expect(reversedRun(fixed({ status: 'open' }), violation, settings, NOW)).toBeUndefined();
    expect(reversedRun(fixed(), { verdict: 'unknown', missing: 'x' }, settings, NOW)).toBeUndefined();
    expect(reversedRun(fixed(), { verdict: 'compliant' }, settings, NOW)).toBeUndefined();
  });

  it.each(outcomes)('only of a run that has fixed it: %s', (lastOutcome) => {
    expect(reversedRun(fixed({ lastOutcome }), violation, settings, NOW)).toBe(
      lastOutcome === 'fixed' ? 'last run' : undefined,
    );
    expect(reversedRun(without(fixed(), 'lastOutcome'), violation, settings, NOW)).toBeUndefined();
  });
});

describe('a reversal', () => {
  it('remembers who, through what, and which change', () => {
    const cause = event('someone', 'cli', { correlationId: 'c'.repeat(200) });

    expect(countReversal({}, 'run', cause, settings, NOW)).toEqual({
      reverts: [
        { at: NOW.toISOString(), runId: 'run', actor: 'someone', application: 'cli', correlationId: 'c'.repeat(100) },
      ],
    });
  });

  it.each([
    ['nothing told', undefined],
    ['an event without a writer', event()],
  ])('is by somebody unknown where no event tells: %s', (_what, cause) => {
    expect(countReversal({}, 'run', cause, settings, NOW)).toEqual({
      reverts: [{ at: NOW.toISOString(), runId: 'run' }],
    });
  });

  it('starts a quarantine when it is one writer’s third', () => {
    const writer = event('someone', 'cli');

    expect(fight(times(2, writer))).not.toHaveProperty('quarantinedUntil');
    expect(fight(times(3, writer))).toMatchObject({ quarantines: 1, quarantinedUntil: at(2 + 1).toISOString() });
    expect(fight(times(3, undefined))).toMatchObject({ quarantines: 1 });
  });

  it('starts a quarantine when it is the sixth of all', () => {
    const writers = ['a', 'b', 'c', 'a', 'b', 'c'].map((name) => event(name));

    expect(fight(writers.slice(0, 5))).not.toHaveProperty('quarantines');
    expect(fight(writers)).toMatchObject({ quarantines: 1, quarantinedUntil: at(5 + 1).toISOString() });
  });

  it.each([
    ['principal', event('a', 'cli'), event('b', 'cli')],
    ['application', event('a', 'cli'), event('a', 'portal')],
    ['application, once known', event('a'), event('a', 'cli')],
    ['knowledge', event('a'), undefined],
  ])('counts for each %s on its own', (_what, one, other) => {
    const memory = fight([one, other, one, other]);

    expect(memory.reverts).toHaveLength(4);
    expect(memory).not.toHaveProperty('quarantines');
    expect(fight([one, other, one, other, one])).toMatchObject({ quarantines: 1 });
  });

  it('is forgotten after the window, unless a quarantine is not over for as long', () => {
    const writer = event('someone');
    const old = fight(times(2, writer));
    expect(countReversal(old, 'run', writer, settings, at(25)).reverts).toHaveLength(2);
    expect(countReversal(old, 'run', writer, settings, at(26)).reverts).toHaveLength(1);

    const war = fight(times(3, writer));
    const until = Date.parse(war.quarantinedUntil ?? '');
    const onProbation = countReversal(war, 'run', writer, settings, new Date(until + 24 * HOUR - 1));
    expect(onProbation).toMatchObject({ quarantines: 2 });
    expect(onProbation.reverts).toHaveLength(4);
    const afterPeace = countReversal(war, 'run', writer, settings, new Date(until + 24 * HOUR));
    expect(afterPeace).toEqual({
      reverts: [{ at: new Date(until + 24 * HOUR).toISOString(), runId: 'run', actor: 'someone' }],
      quarantinedUntil: war.quarantinedUntil,
    });
  });

  it('by somebody else on probation starts none, and keeps the count of quarantines', () => {
    const war = fight(times(3, event('someone')));

    const next = countReversal(war, 'run', event('another'), settings, at(5));

    expect(next).toMatchObject({ quarantines: 1, quarantinedUntil: war.quarantinedUntil });
    expect(next.reverts).toHaveLength(4);
  });

  it('starts a longer quarantine each time: 1, 4, 24 and again 24 hours', () => {
    let memory = fight(times(3, event('someone')));
    const hours = [2, 10, 50, 120].map((start) => {
      const length = (Date.parse(memory.quarantinedUntil ?? '') - Date.parse(memory.reverts?.at(-1)?.at ?? '')) / HOUR;
      memory = countReversal(memory, 'run', event('someone'), { ...settings, windowMs: 1000 * HOUR }, at(start));
      return length;
    });

    expect(hours).toEqual([1, 4, 24, 24]);
  });

  it('is one of forty that are remembered at most', () => {
    const memory = fight(
      Array.from({ length: 60 }, (_, index) => event(`writer ${index}`)),
      { windowMs: 100 * HOUR, total: 1000 },
    );

    expect(memory.reverts).toHaveLength(40);
    expect(memory.reverts?.at(-1)).toMatchObject({ actor: 'writer 59' });
  });
});

describe('a quarantine', () => {
  const reverts: readonly Revert[] = [1, 2, 3, 4].map((number) => ({
    at: NOW.toISOString(),
    runId: 'run',
    actor: 'someone',
    application: 'cli',
    correlationId: `c${number}`,
  }));
  const memory: WarMemory = { reverts, quarantinedUntil: at(1).toISOString() };

  it('holds until its end, and not at it', () => {
    expect(quarantineOf(memory, settings, [], new Date(at(1).getTime() - 1))).toMatchObject({ until: at(1) });
    expect(quarantineOf(memory, settings, [], at(1))).toBeUndefined();
    expect(quarantineOf({ reverts }, settings, [], NOW)).toBeUndefined();
    expect(quarantineOf({}, settings, [], NOW)).toBeUndefined();
  });

  it('names the writer, the newest three changes, and what to put right', () => {
    expect(quarantineOf(memory, settings, ['/tags/a', '/tags/b'], NOW)).toEqual({
      reason: 'war-with-writer',
      until: at(1),
      because:
        'fixes were reversed 4 times, last changed by someone through application cli; correlation ids c2, c3, c4; ' +
        'set /tags/a, /tags/b right at the source; left alone until 2026-11-23T11:00:00.000Z',
    });
  });

  it('counts for its writer only what that writer did', () => {
    const [first, ...others] = reverts;
    const mixed = {
      ...memory,
      reverts: [{ ...first, at: NOW.toISOString(), runId: 'run', actor: 'another' }, ...others],
    };

    expect(quarantineOf(mixed, settings, [], NOW)?.because).toMatch(
      /^fixes were reversed 3 times, last changed by someone/,
    );
  });

  it('of many names how many, and the last', () => {
    const many = {
      ...memory,
      reverts: ['a', 'b', 'a', 'b', 'c', 'd'].map((actor) => ({ at: NOW.toISOString(), runId: 'run', actor })),
    };

    expect(quarantineOf(many, settings, [], NOW)).toMatchObject({
      reason: 'war-with-many',
      because: expect.stringMatching(
        /^fixes were reversed 6 times, last changed by 4 writers, the last of them d; left/,
      ),
    });
  });

  it('by nobody known says so, without what is not known', () => {
    const unseen = times(3, undefined).map(() => ({ at: NOW.toISOString(), runId: 'run' }));
    const because = quarantineOf({ ...memory, reverts: unseen }, settings, [], NOW)?.because;

    expect(because).toBe(
      'fixes were reversed 3 times, last changed by somebody unknown; left alone until 2026-11-23T11:00:00.000Z',
    );
    const many = quarantineOf({ ...memory, reverts: unseen }, { ...settings, reverts: 9, total: 3 }, [], NOW);
    expect(many?.because).toContain('1 writers, the last of them unknown');
  });

  it('is not ended by limits that were raised, nor by reversals that nobody remembers', () => {
    expect(quarantineOf(memory, { ...settings, reverts: 20, total: 20 }, [], NOW)).toMatchObject({
      reason: 'war-with-many',
      until: at(1),
    });
    expect(quarantineOf({ quarantinedUntil: at(1).toISOString() }, settings, [], NOW)).toMatchObject({
      because:
        'fixes were reversed 0 times, last changed by 0 writers, the last of them unknown; left alone until 2026-11-23T11:00:00.000Z',
    });
  });
});
