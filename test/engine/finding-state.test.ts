import { describe, expect, it } from 'vitest';
import { outcomes } from '../../src/audit/audit-log.ts';
import type { Decision } from '../../src/engine/decide.ts';
import {
  backoffOf,
  isChanged,
  isFailureOfOurs,
  isNewDecision,
  memoryOf,
  nextFinding,
  type Observation,
  othersActedAt,
  principalCause,
  type SafetyMemory,
  withMemory,
  writeCause,
} from '../../src/engine/finding-state.ts';
import type { Finding } from '../../src/findings/findings.ts';
import { parseResourceId } from '../../src/resources/resource-id.ts';
import type { PendingCause } from '../../src/work/work-items.ts';
import { findAdminPolicy, findRotation } from './catalogue-entries.ts';

const NOW = new Date('2026-11-23T10:00:00.000Z');
const target = parseResourceId(
  '/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/rg/providers/Microsoft.ContainerRegistry/registries/one',
);
const policy = findAdminPolicy();
const rotation = findRotation();
const violation = { verdict: 'violation', evidence: { adminUserEnabled: true } } as const;

function observation(change: Partial<Observation> = {}): Observation {
  return {
    target,
    policy,
    verdict: violation,
    decision: { decision: 'observe', reason: 'mode-observe' },
    mode: 'observe',
    cause: undefined,
    othersActedAt: undefined,
    run: undefined,
    endedRunId: undefined,
    fixedAt: undefined,
    memory: {},
    ticketParts: [],
    configHash: 'hash',
    now: NOW,
    ...change,
  };
}

function cause(change: Partial<PendingCause> = {}): PendingCause {
  return { kind: 'event', id: 'e', time: '2026-11-23T09:00:00.000Z', queuedAt: '2026-11-23T09:00:01.000Z', ...change };
}

function open(change: Partial<Finding> = {}): Finding {
  const finding = nextFinding(undefined, observation());
  if (finding === undefined) throw new Error('a violation is always worth a finding');
  return { ...finding, ...change };
}

describe('the next state of a finding', () => {
  it('knows the first run about the violation as long as it is open', () => {
    const first = nextFinding(undefined, observation({ endedRunId: 'run-1' }));
    const second = nextFinding(first, observation({ endedRunId: 'run-2' }));
    const looked = nextFinding(second, observation());
    const closed = nextFinding(looked, observation({ verdict: { verdict: 'compliant' } }));
    const again = nextFinding(closed, observation());

    expect([first, second, looked, closed, again].map((finding) => finding?.firstRunId)).toEqual([
      'run-1',
      'run-1',
      'run-1',
      undefined,
      undefined,
    ]);
  });

  it.each([{ verdict: 'compliant' }, { verdict: 'not-applicable', reason: 'no admin user' }] as const)(
    'is nothing when nothing was ever wrong: $verdict',
    (verdict) => {
      expect(nextFinding(undefined, observation({ verdict, decision: undefined }))).toBeUndefined();
    },
  );

  it('is open since now for a new violation, with what was decided', () => {
    expect(nextFinding(undefined, observation({ cause: cause({ actor: { id: 'somebody' } }) }))).toEqual({
      resourceId: target.id,
      subscriptionId: target.subscriptionId,
      policyId: policy.id,
      severity: policy.severity,
      status: 'open',
      verdict: 'violation',
      evidence: '{"adminUserEnabled":true}',
      since: NOW.toISOString(),
      updated: NOW.toISOString(),
      attempts: 0,
      mode: 'observe',
      decision: 'observe',
      reason: 'mode-observe',
      configHash: 'hash',
      actor: 'somebody',
    });
  });

  it('keeps since and actor while it stays open, and starts anew after it was closed', () => {
    const before = open({ since: '2026-11-01T00:00:00.000Z', actor: 'somebody', attempts: 2 });

    expect(nextFinding(before, observation())).toMatchObject({ since: before.since, actor: 'somebody', attempts: 2 });
    const again = nextFinding({ ...before, status: 'closed', closedBecause: 'compliant' }, observation());
    expect(again).toMatchObject({ since: NOW.toISOString(), attempts: 0 });
    expect(again).not.toHaveProperty('actor');
    expect(again).not.toHaveProperty('closedBecause');
  });

  it('is closed by compliance, forgetting attempts and decision but not the last run and the last actor', () => {
    const before = open({
      attempts: 3,
      lastOutcome: 'denied',
      lastRunId: 'run',
      actor: 'a',
      because: 'x',
      notBefore: 'y',
    });

    const closed = nextFinding(before, observation({ verdict: { verdict: 'compliant' }, decision: undefined }));

    expect(closed).toMatchObject({
      status: 'closed',
      closedBecause: 'compliant',
      attempts: 0,
      actor: 'a',
      since: before.since,
    });
    expect(closed).toMatchObject({ lastOutcome: 'denied', lastRunId: 'run' });
    for (const name of ['decision', 'reason', 'because', 'notBefore', 'mode', 'evidence']) {
      expect(closed).not.toHaveProperty(name);
    }
  });

  it.each([
    [{ verdict: 'not-applicable', reason: 'off' } as const, 'off'],
    [{ verdict: 'unknown', missing: 'properties' } as const, 'missing: properties'],
  ])('says in words why it cannot be judged or need not be: %j', (verdict, evidence) => {
    expect(nextFinding(open(), observation({ verdict }))).toMatchObject({ verdict: verdict.verdict, evidence });
  });

  it.each(outcomes)('counts a run that ended %s as a failure only when trying again at once is no use', (outcome) => {
    const failedForGood = ['denied', 'denied-by-policy', 'locked', 'failed', 'not-effective', 'gave-up'];
    const next = nextFinding(open({ attempts: 1 }), observation({ run: { runId: 'run-2', outcome } }));

    const isFailure = failedForGood.includes(outcome);
    expect(next).toMatchObject({ lastOutcome: outcome, lastRunId: 'run-2', attempts: isFailure ? 2 : 1 });
    expect(next?.notBefore).toBe(isFailure ? '2026-11-23T14:00:00.000Z' : undefined);
  });

  it('remembers until when a decision waits, and for people why', () => {
    const until = new Date('2026-11-24T10:00:00.000Z');
    const decision = { decision: 'defer', reason: 'changed-by-others', because: 'x'.repeat(3000), until } as const;

    const next = nextFinding(open({ notBefore: 'old' }), observation({ decision, othersActedAt: until.toISOString() }));

    expect(next).toMatchObject({
      notBefore: until.toISOString(),
      othersActedAt: until.toISOString(),
      reason: 'changed-by-others',
    });
    expect(next?.because).toHaveLength(2000);
  });

  it('remembers a fix of its own, also of a policy that it cured by the way', () => {
    const compliant = { verdict: 'compliant' } as const;
    const first = nextFinding(undefined, observation({ verdict: compliant, decision: undefined, fixedAt: NOW }));

    expect(first).toMatchObject({ status: 'closed', lastFixedAt: NOW.toISOString() });
    const later = new Date('2027-01-01T00:00:00.000Z');
    expect(nextFinding(first, observation({ now: later }))).toMatchObject({ lastFixedAt: NOW.toISOString() });
  });

  it('remembers that somebody else has acted even where nothing is wrong', () => {
    const next = nextFinding(
      undefined,
      observation({
        verdict: { verdict: 'compliant' },
        decision: undefined,
        othersActedAt: '2026-11-24T00:00:00.000Z',
      }),
    );

    expect(next).toMatchObject({ status: 'closed', othersActedAt: '2026-11-24T00:00:00.000Z' });
  });

  it('spells the resource as it was first found', () => {
    expect(nextFinding(open({ resourceId: 'FIRST' }), observation())?.resourceId).toBe('FIRST');
  });
});

describe('whether something is new', () => {
  it('a later look that sees the same changes nothing', () => {
    expect(isChanged(open(), open({ updated: 'later' }))).toBe(false);
    expect(isChanged(undefined, open())).toBe(true);
    expect(isChanged(open(), open({ attempts: 1 }))).toBe(true);
  });

  it.each(['decision', 'reason', 'mode', 'evidence', 'because'] as const)(
    'a decision is news when its %s differs',
    (name) => {
      const next: Finding = { ...open(), [name]: 'ticket' };

      expect(isNewDecision(open(), next)).toBe(true);
      expect(isNewDecision(open(), open({ updated: 'later', attempts: 5 }))).toBe(false);
    },
  );

  it('a decision is news when there was no open finding', () => {
    expect(isNewDecision(undefined, open())).toBe(true);
    expect(isNewDecision(open({ status: 'closed' }), open())).toBe(true);
  });
});

describe('the moment at which somebody else did what the remediation yields to', () => {
  const action = 'Microsoft.ContainerRegistry/registries/regenerateCredential/action';

  it('is that of the newest such action, in whatever spelling', () => {
    const causes = [
      cause({ operation: action.toUpperCase(), time: '2026-11-23T09:00:00.000Z' }),
      cause({ operation: action, time: '2026-11-23T08:00:00.000Z' }),
      cause({ operation: 'Microsoft.ContainerRegistry/registries/write', time: '2026-11-23T09:30:00.000Z' }),
    ];

    expect(othersActedAt(undefined, rotation, causes, NOW)).toBe('2026-11-23T09:00:00.000Z');
  });

  it('is never set back by an older action', () => {
    const previous = open({ othersActedAt: '2026-11-30T00:00:00.000Z' });
    const now = new Date('2026-11-30T00:00:00.000Z');

    expect(othersActedAt(previous, rotation, [cause({ operation: action })], now)).toBe('2026-11-30T00:00:00.000Z');
    expect(othersActedAt(previous, rotation, [], now)).toBe('2026-11-30T00:00:00.000Z');
  });

  it('is no later than when the event was taken in, whatever time it claims', () => {
    const future = cause({ operation: action, time: '2099-01-01T00:00:00Z', queuedAt: '2026-11-23T09:30:00.000Z' });

    expect(othersActedAt(undefined, rotation, [future], NOW)).toBe('2026-11-23T09:30:00.000Z');
    const bothAhead = cause({ operation: action, time: '2099-01-01T00:00:00Z', queuedAt: '2098-01-01T00:00:00.000Z' });
    expect(othersActedAt(undefined, rotation, [bothAhead], NOW)).toBeUndefined();
    expect(othersActedAt(undefined, rotation, [bothAhead, future], NOW)).toBe('2026-11-23T09:30:00.000Z');
  });

  it('that a finding holds and that is still to come counts for nothing: it heals', () => {
    const damaged = open({ othersActedAt: '2099-01-01T00:00:00.000Z' });
    const ahead = open({ othersActedAt: new Date(NOW.getTime() + 1).toISOString() });

    expect(othersActedAt(damaged, rotation, [], NOW)).toBeUndefined();
    expect(othersActedAt(ahead, rotation, [], NOW)).toBeUndefined();
    expect(othersActedAt(open({ othersActedAt: NOW.toISOString() }), rotation, [], NOW)).toBe(NOW.toISOString());
    const acted = cause({ operation: action, time: '2026-11-23T09:00:00.000Z' });
    expect(othersActedAt(damaged, rotation, [acted], NOW)).toBe('2026-11-23T09:00:00.000Z');
  });

  it('does not exist for a remediation that yields to nobody, or when nobody did it', () => {
    const { yieldsTo: _none, ...other } = rotation;

    expect(othersActedAt(undefined, other, [cause({ operation: action })], NOW)).toBeUndefined();
    expect(othersActedAt(undefined, undefined, [cause({ operation: action })], NOW)).toBeUndefined();
    expect(othersActedAt(undefined, rotation, [cause()], NOW)).toBeUndefined();
  });
});

describe('how long a fix that failed is left alone', () => {
  const failed = open({ failedAt: NOW.toISOString(), backoffUntil: '2026-11-23T14:00:00.000Z', attempts: 1 });

  it.each(['denied', 'denied-by-policy', 'locked', 'failed', 'not-effective', 'gave-up'] as const)(
    'a sweep waits for the time that grows with every failure: %s',
    (lastOutcome) => {
      expect(backoffOf({ ...failed, lastOutcome }, true)).toEqual(new Date('2026-11-23T14:00:00.000Z'));
    },
  );

  it.each(['denied', 'denied-by-policy', 'locked'] as const)(
    'an event waits a quarter of an hour after %s',
    (lastOutcome) => {
      expect(backoffOf({ ...failed, lastOutcome }, false)).toEqual(new Date('2026-11-23T10:15:00.000Z'));
    },
  );

  it.each(['failed', 'not-effective', 'gave-up'] as const)('an event does not wait after %s', (lastOutcome) => {
    expect(backoffOf({ ...failed, lastOutcome }, false)).toBeUndefined();
  });

  it('nobody waits where nothing has failed, or what failed is over', () => {
    const { backoffUntil: _none, ...untimed } = failed;

    expect(backoffOf(undefined, true)).toBeUndefined();
    expect(backoffOf(open(), true)).toBeUndefined();
    expect(backoffOf({ ...failed, status: 'closed' }, true)).toBeUndefined();
    expect(backoffOf(untimed, true)).toBeUndefined();
  });
});

describe('what a finding remembers for the safety devices', () => {
  const lasting: SafetyMemory = {
    undoneUntil: '2026-12-23T10:00:00.000Z',
    undoneRunId: 'run',
    undoneBy: 'somebody',
    reverts: [{ at: NOW.toISOString(), runId: 'run', actor: 'somebody' }],
    quarantines: 2,
    quarantinedUntil: '2026-11-23T14:00:00.000Z',
    // Else whoever keeps an exemption that is not valid would have its grace again and again.
    exemptionInvalidSince: NOW.toISOString(),
  };
  const ofViolation: SafetyMemory = {
    announcedAt: NOW.toISOString(),
    exemption: {
      source: 'resource',
      expires: '2026-12-24T00:00:00.000Z',
      reason: 'migration',
      ticket: 'OPS-1',
      seenAt: NOW.toISOString(),
      renewals: 0,
    },
  };
  const everything = { ...lasting, ...ofViolation };

  it('comes back as it was stored while the finding is open', () => {
    const finding = nextFinding(undefined, observation({ memory: everything }));

    expect(finding).toMatchObject(everything);
    expect(memoryOf(finding)).toEqual(everything);
    expect(memoryOf(open())).toEqual({});
    expect(memoryOf(undefined)).toEqual({});
  });

  it('is of one violation only as long as that lasts; fights, undone fixes and invalid tags outlast it', () => {
    const verdict = { verdict: 'compliant' } as const;
    const closed = nextFinding(open(), observation({ verdict, decision: undefined, memory: everything }));

    expect(closed).toMatchObject(lasting);
    expect(memoryOf(closed)).toEqual(lasting);
    expect(memoryOf(open({ ...everything, status: 'closed' }))).toEqual(lasting);
  });

  it('can be put in place of what a finding had', () => {
    const before = open({ ...everything, attempts: 4 });

    expect(withMemory(before, {})).toEqual(open({ attempts: 4 }));
    expect(withMemory(before, { quarantines: 9 })).toEqual(open({ attempts: 4, quarantines: 9 }));
    expect(memoryOf(withMemory(open(), everything))).toEqual(everything);
  });

  it('outlasts that somebody switches the policy off, and what is gone', () => {
    for (const closedBecause of ['gone', 'policy-off'] as const)
      expect(memoryOf(open({ ...everything, status: 'closed', closedBecause }))).toEqual(lasting);
  });
});

describe('the moment of the next look', () => {
  const until = new Date('2026-11-23T12:00:00.000Z');
  const deferred = { decision: 'defer', reason: 'outside-window', until } as const;

  it('is that of the decision, and gone with it', () => {
    const waiting = nextFinding(undefined, observation({ decision: deferred }));

    expect(waiting).toMatchObject({ notBefore: until.toISOString() });
    expect(nextFinding(waiting, observation())).not.toHaveProperty('notBefore');
  });

  it('is that of a back-off until the next failure or the end, whatever is decided meanwhile', () => {
    const backoffUntil = '2026-11-23T11:00:00.000Z';
    const failed = open({ failedAt: NOW.toISOString(), backoffUntil, notBefore: backoffUntil, attempts: 1 });

    expect(nextFinding(failed, observation())).toMatchObject({ notBefore: failed.notBefore });
    const backingOff = { decision: 'defer', reason: 'backing-off', until } as const;
    expect(nextFinding(failed, observation({ decision: backingOff }))).toMatchObject({ notBefore: failed.notBefore });
    const run = { runId: 'run', outcome: 'denied' } as const;
    expect(nextFinding(failed, observation({ run }))).toMatchObject({ notBefore: '2026-11-23T14:00:00.000Z' });
  });

  it('comes no earlier by a decision that waits for something else', () => {
    const failed = open({ failedAt: NOW.toISOString(), backoffUntil: '2026-11-23T14:00:00.000Z', attempts: 2 });
    const waiting = nextFinding(failed, observation({ decision: deferred }));

    // The sweep, and the look that the decision asks for, leave it alone until the back-off is over.
    expect(backoffOf(waiting, true)).toEqual(new Date('2026-11-23T14:00:00.000Z'));
  });
});

describe('the cause that tells of a change', () => {
  it('is the newest event, and never an alert, a notification, a sweep or an operator', () => {
    const time = '2026-11-23T12:00:00.000Z';
    const operator = cause({ kind: 'operator', id: 'operator', time });
    const sweep = cause({ kind: 'sweep', id: 'sweep', time });
    const older = cause({ id: 'older', time: '2026-11-23T08:00:00.000Z' });

    const hints = [cause({ kind: 'alert', id: 'alert' }), cause({ kind: 'notification', id: 'notification' })];
    expect(writeCause([operator, sweep, older, ...hints])?.id).toBe('older');
    expect(writeCause([operator, older, sweep, cause({ id: 'newer' })])?.id).toBe('newer');
    expect(writeCause([operator, sweep])).toBeUndefined();
  });
});

describe('the cause that a person would name', () => {
  it('is what an operator asked for, before any event', () => {
    const operator = cause({ kind: 'operator', id: 'operator', time: '2026-11-23T07:00:00.000Z' });

    expect(principalCause([cause(), operator])?.id).toBe('operator');
  });

  it('is the newest alert, else the newest event, else a notification, else a sweep, else none', () => {
    const sweep = cause({ kind: 'sweep', id: 'sweep', time: '2026-11-23T12:00:00.000Z' });
    const older = cause({ id: 'older', time: '2026-11-23T08:00:00.000Z' });
    const alert = cause({ kind: 'alert', id: 'alert', time: '2026-11-23T09:30:00.000Z' });

    const notification = cause({ kind: 'notification', id: 'notification', time: '2026-11-23T11:00:00.000Z' });

    expect(principalCause([sweep, older, notification, cause(), alert])?.id).toBe('alert');
    expect(principalCause([older, notification, sweep])?.id).toBe('older');
    expect(principalCause([notification, sweep])?.id).toBe('notification');
    expect(principalCause([sweep, { ...sweep, id: 'old', time: '2026-11-01T00:00:00.000Z' }])?.id).toBe('sweep');
    expect(principalCause([])).toBeUndefined();
  });
});

describe('the breaker counts an outcome', () => {
  it.each(outcomes)('when it is a failure of ours, and not what the resource or its owner says: %s', (outcome) => {
    const counted: readonly string[] = ['denied', 'failed', 'not-effective', 'gave-up'];

    expect(isFailureOfOurs(outcome)).toBe(counted.includes(outcome));
  });
});

describe('a place at the breaker', () => {
  it.each<readonly [string, Decision | undefined, boolean]>([
    ['nothing: the look ended before it', undefined, true],
    ['a fix', { decision: 'fix', reason: 'mode-enforce' }, false],
    ['to wait for the breaker', { decision: 'defer', reason: 'breaker-cap' }, true],
    ['to wait for an answer', { decision: 'defer', reason: 'preflight-unavailable', isPassing: true }, true],
    ['to wait for a window', { decision: 'defer', reason: 'outside-window' }, false],
    ['to wait until an operator resets the breaker', { decision: 'defer', reason: 'breaker-open' }, false],
    ['exempt', { decision: 'exempt', reason: 'exempt-resource' }, false],
    ['to look only', { decision: 'observe', reason: 'mode-observe' }, false],
    ['quarantine', { decision: 'quarantine', reason: 'war-with-writer' }, false],
    ['a ticket', { decision: 'ticket', reason: 'dependants-found' }, false],
    ['to wait for an approval', { decision: 'await-approval', reason: 'mode-approve' }, false],
  ])(
    'is kept only while nothing but waiting stands between it and the fix, when the decision is %s',
    (_name, decision, expected) => {
      const next = nextFinding(open({ hasPlace: true }), observation({ decision }));

      expect(next?.hasPlace === true).toBe(expected);
    },
  );

  it('is over with the violation', () => {
    const next = nextFinding(open({ hasPlace: true }), observation({ verdict: { verdict: 'compliant' } }));

    expect(next).not.toHaveProperty('hasPlace');
  });
});
