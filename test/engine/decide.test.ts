import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import {
  type AdmissionAnswer,
  type ApprovalAnswer,
  type Decision,
  type DecisionInput,
  decide,
  isPassingError,
  type Planned,
  type Question,
} from '../../src/engine/decide.ts';
import type { Exemption } from '../../src/engine/exemptions.ts';
import type { Quarantine } from '../../src/engine/war.ts';
import { DockwardenError } from '../../src/errors.ts';
import type { Preflight } from '../../src/remediations/define-remediation.ts';

const NOW = new Date('2026-11-23T10:00:00.000Z');
const LATER = new Date(NOW.getTime() + 1);
const moments = [undefined, NOW, LATER] as const;
const verdicts: readonly DecisionInput['verdict'][] = [
  { verdict: 'violation', evidence: { adminUserEnabled: true } },
  { verdict: 'unknown', missing: 'properties' },
];
const modes = [undefined, 'off', 'observe', 'approve', 'enforce'] as const;
const exempt: Exemption = { state: 'exempt', reason: 'exempt-resource', because: 'a tag', until: LATER };
const invalid: Exemption = { state: 'invalid', because: 'no ticket', until: LATER };
const unreadableNow: Exemption = { state: 'unreadable', because: 'no answer', isPassing: true };
const unreadable: Exemption = { state: 'unreadable', because: 'no map', isPassing: false };
const none: Exemption = { state: 'none' };
const quarantine: Quarantine = { reason: 'war-with-writer', until: LATER, because: 'again and again' };
const updating = { reason: 'resource-busy', because: 'provisioningState is Updating' } as const;
const stopped = { reason: 'resource-stopped', because: 'the cluster is stopped' } as const;
const closed: Planned = { reason: 'outside-window', because: 'it is closed', until: LATER };
const never: Planned = { reason: 'frozen', because: 'it never opens', until: undefined };
const go: Preflight = { go: true };
const stop: Preflight = { go: false, reason: 'dependants-found', because: 'somebody' };
const granted: ApprovalAnswer = { state: 'granted', by: 'somebody' };
const missing: ApprovalAnswer = { state: 'missing', reason: 'approval-expired', because: 'too late' };
const notYet: ApprovalAnswer = { state: 'missing', reason: 'mode-approve' };
const admitted: AdmissionAnswer = { result: 'admitted' };
const full: AdmissionAnswer = { result: 'later', at: LATER };
const open: AdmissionAnswer = { result: 'open', because: 'too many failed' };
const noAnswer: AdmissionAnswer = { result: 'unavailable', because: 'no storage' };

const base: DecisionInput = {
  verdict: verdicts[0] ?? { verdict: 'unknown', missing: '' },
  mode: 'enforce',
  isTracked: false,
  isInScope: true,
  exemption: 'not-asked',
  quarantine: undefined,
  busy: undefined,
  planned: undefined,
  yieldUntil: undefined,
  backoffUntil: undefined,
  preflight: 'not-asked',
  approval: 'not-asked',
  admission: 'not-asked',
  now: NOW,
};

function* vary<K extends keyof DecisionInput>(
  inputs: Iterable<DecisionInput>,
  key: K,
  values: readonly DecisionInput[K][],
): Iterable<DecisionInput> {
  for (const input of inputs) for (const value of values) yield { ...input, [key]: value };
}

/** What can be known without a call. */
function* situations(): Iterable<DecisionInput> {
  let inputs: Iterable<DecisionInput> = [base];
  inputs = vary(inputs, 'verdict', verdicts);
  inputs = vary(inputs, 'mode', modes);
  inputs = vary(inputs, 'isInScope', [true, false]);
  inputs = vary(inputs, 'quarantine', [undefined, quarantine]);
  inputs = vary(inputs, 'busy', [undefined, updating, stopped]);
  inputs = vary(inputs, 'planned', [undefined, closed, never]);
  inputs = vary(inputs, 'yieldUntil', moments);
  yield* vary(inputs, 'backoffUntil', moments);
}

const exemptions = [none, exempt, invalid, unreadableNow, unreadable] as const;
const preflights = ['unavailable', go, stop] as const;
const approvals = [granted, missing, notYet] as const;
const admissions = [admitted, full, open, noAnswer] as const;

/** All situations with all answers, those that were not asked for among them. */
function* allInputs(): Iterable<DecisionInput> {
  let inputs = situations();
  inputs = vary(inputs, 'exemption', ['not-asked', ...exemptions]);
  inputs = vary(inputs, 'preflight', ['not-asked', ...preflights]);
  inputs = vary(inputs, 'approval', ['not-asked', ...approvals]);
  yield* vary(inputs, 'admission', ['not-asked', ...admissions]);
}

const COUNT = 2 * 5 * 2 * 2 * 3 * 3 * 3 * 3 * 6 * 4 * 4 * 5;

function isLater(time: Date | undefined): boolean {
  return time !== undefined && time > NOW;
}

const waitsForPlan = (planned: Planned | undefined): Decision => ({
  decision: 'defer',
  reason: planned?.reason ?? '',
  because: planned?.because ?? '',
  ...(planned?.until !== undefined && { until: planned.until }),
});

interface Rule {
  readonly name: string;
  readonly applies: (input: DecisionInput) => boolean;
  readonly answer: (input: DecisionInput) => unknown;
}

/** The rules in the order in which the architecture names them (“Decide”), each with the only answer that it allows. */
const rules: readonly Rule[] = [
  {
    name: 'what cannot be judged is observed',
    applies: ({ verdict }) => verdict.verdict === 'unknown',
    answer: () => ({ decision: 'observe', reason: 'verdict-unknown', because: 'cannot be judged without properties' }),
  },
  {
    name: 'nothing fixes it',
    applies: ({ mode }) => mode === undefined,
    answer: () => ({ decision: 'observe', reason: 'no-remediation' }),
  },
  {
    name: 'the remediation is off',
    applies: ({ mode }) => mode === 'off',
    answer: () => ({ decision: 'observe', reason: 'remediation-off' }),
  },
  {
    name: 'only observing',
    applies: ({ mode }) => mode === 'observe',
    answer: () => ({ decision: 'observe', reason: 'mode-observe' }),
  },
  {
    name: 'it lies elsewhere',
    applies: ({ isInScope }) => !isInScope,
    answer: () => ({ decision: 'observe', reason: 'out-of-scope' }),
  },
  {
    name: 'nobody has looked for exemptions yet',
    applies: ({ exemption }) => exemption === 'not-asked',
    answer: () => ({ ask: 'exemption' }),
  },
  {
    name: 'exemptions cannot be had now',
    applies: ({ exemption }) => exemption === unreadableNow,
    answer: () => ({ decision: 'defer', reason: 'exemption-unreadable', because: 'no answer', isPassing: true }),
  },
  {
    name: 'exemptions cannot be read at all',
    applies: ({ exemption }) => exemption === unreadable,
    answer: () => ({ decision: 'defer', reason: 'exemption-unreadable', because: 'no map' }),
  },
  {
    name: 'it is exempt',
    applies: ({ exemption }) => exemption === exempt,
    answer: () => ({ decision: 'exempt', reason: 'exempt-resource', because: 'a tag', until: LATER }),
  },
  {
    name: 'its exemption is not valid, for a grace',
    applies: ({ exemption }) => exemption === invalid,
    answer: () => ({ decision: 'defer', reason: 'exemption-invalid', because: 'no ticket', until: LATER }),
  },
  {
    name: 'somebody keeps undoing the fix',
    applies: (input) => input.quarantine !== undefined,
    answer: () => ({ decision: 'quarantine', ...quarantine }),
  },
  {
    name: 'Azure is changing it',
    applies: ({ busy }) => busy === updating,
    answer: () => ({ decision: 'defer', ...updating, isPassing: true }),
  },
  { name: 'it is stopped', applies: ({ busy }) => busy === stopped, answer: () => ({ decision: 'defer', ...stopped }) },
  {
    name: 'it is not the time for it',
    applies: ({ mode, planned }) => mode === 'enforce' && planned !== undefined,
    answer: ({ planned }) => waitsForPlan(planned),
  },
  {
    name: 'somebody else has just done it',
    applies: ({ yieldUntil }) => isLater(yieldUntil),
    answer: () => ({
      decision: 'defer',
      reason: 'changed-by-others',
      because: 'somebody else did this a short time ago',
      until: LATER,
    }),
  },
  {
    name: 'it failed for good a short time ago',
    applies: ({ backoffUntil }) => isLater(backoffUntil),
    answer: () => ({
      decision: 'defer',
      reason: 'backing-off',
      because: 'the last run failed for good',
      until: LATER,
    }),
  },
  {
    name: 'the pre-flight is not known yet',
    applies: ({ preflight }) => preflight === 'not-asked',
    answer: () => ({ ask: 'preflight' }),
  },
  {
    name: 'the pre-flight cannot be had now',
    applies: ({ preflight }) => preflight === 'unavailable',
    answer: () => ({ decision: 'defer', reason: 'preflight-unavailable', isPassing: true }),
  },
  {
    name: 'something stands in the way',
    applies: ({ preflight }) => preflight === stop,
    answer: () => ({ decision: 'ticket', reason: 'dependants-found', because: 'somebody' }),
  },
  {
    name: 'nobody has looked for an approval yet',
    applies: ({ mode, approval }) => mode === 'approve' && approval === 'not-asked',
    answer: () => ({ ask: 'approval' }),
  },
  {
    name: 'a person has to agree',
    applies: ({ mode, approval }) => mode === 'approve' && approval === notYet,
    answer: () => ({ decision: 'await-approval', reason: 'mode-approve' }),
  },
  {
    name: 'a person has to agree again',
    applies: ({ mode, approval }) => mode === 'approve' && approval === missing,
    answer: () => ({ decision: 'await-approval', reason: 'approval-expired', because: 'too late' }),
  },
  {
    name: 'what was approved waits for its time',
    applies: ({ mode, planned }) => mode === 'approve' && planned !== undefined,
    answer: ({ planned }) => waitsForPlan(planned),
  },
  {
    name: 'the breaker was not asked yet',
    applies: ({ admission }) => admission === 'not-asked',
    answer: () => ({ ask: 'admission' }),
  },
  {
    name: 'as many as allowed were changed',
    applies: ({ admission }) => admission === full,
    answer: () => ({
      decision: 'defer',
      reason: 'breaker-cap',
      because: 'as many resources were changed within the window as the breaker allows',
      until: LATER,
    }),
  },
  {
    name: 'too many fixes have failed',
    applies: ({ admission }) => admission === open,
    answer: () => ({ decision: 'defer', reason: 'breaker-open', because: 'too many failed' }),
  },
  {
    name: 'the breaker does not answer',
    applies: ({ admission }) => admission === noAnswer,
    answer: () => ({ decision: 'defer', reason: 'breaker-unavailable', because: 'no storage', isPassing: true }),
  },
  {
    name: 'a person has agreed',
    applies: ({ mode }) => mode === 'approve',
    answer: () => ({ decision: 'fix', reason: 'approved', because: 'approved by somebody' }),
  },
  { name: 'all is well', applies: () => true, answer: () => ({ decision: 'fix', reason: 'mode-enforce' }) },
];

describe('a decision, over all of its inputs', () => {
  it('is that of the first rule which applies, and every rule decides something', { timeout: 60_000 }, () => {
    const wrong: unknown[] = [];
    const decided = new Map(rules.map(({ name }) => [name, 0]));
    let count = 0;
    for (const input of allInputs()) {
      count += 1;
      const rule = rules.find(({ applies }) => applies(input));
      if (rule === undefined) throw new Error('the last rule always applies');
      decided.set(rule.name, (decided.get(rule.name) ?? 0) + 1);
      if (wrong.length < 5 && !isDeepStrictEqual(decide(input), rule.answer(input))) wrong.push([rule.name, input]);
    }

    expect(wrong).toEqual([]);
    expect(count).toBe(COUNT);
    expect([...decided].filter(([, times]) => times === 0)).toEqual([]);
  });

  it('is to fix only what may be fixed: in mode enforce, or approved by somebody', { timeout: 60_000 }, () => {
    const fixes = new Set<string>();
    const wrong: DecisionInput[] = [];
    for (const input of allInputs()) {
      const answer = decide(input);
      if ('ask' in answer || answer.decision !== 'fix') continue;
      const { verdict, mode, isInScope, exemption, busy, planned, preflight, approval, admission } = input;
      fixes.add(JSON.stringify({ verdict: verdict.verdict, mode, isInScope, exemption, busy, planned, preflight }));
      const isHeld = input.quarantine !== undefined || isLater(input.yieldUntil) || isLater(input.backoffUntil);
      const isAllowed =
        (mode === 'enforce' && answer.reason === 'mode-enforce') ||
        (mode === 'approve' && approval === granted && answer.reason === 'approved');
      if (isHeld || !isAllowed || admission !== admitted) wrong.push(input);
    }

    expect(wrong).toEqual([]);
    const rest = { verdict: 'violation', isInScope: true, exemption: none, preflight: go };
    expect([...fixes].map((text): unknown => JSON.parse(text))).toEqual([
      { ...rest, mode: 'approve' },
      { ...rest, mode: 'enforce' },
    ]);
  });

  it('always has a reason code, and depends on nothing but its input', () => {
    let count = 0;
    const reasons = new Set<string>();
    for (const input of allInputs()) {
      // Every thousandth and a bit: the product of all inputs is judged above.
      count += 1;
      if (count % 1009 !== 0) continue;
      const before = structuredClone(input);
      const answer = decide(input);
      reasons.add('ask' in answer ? 'asked' : answer.reason);
      expect(decide(input)).toEqual(answer);
      expect(input).toEqual(before);
    }
    expect(count).toBe(COUNT);
    expect(reasons.size).toBeGreaterThan(5);
    for (const reason of reasons) expect(reason).toMatch(/^[a-z]+(-[a-z]+)*$/);
  });
});

/** Asks as the engine does, until there is a decision. */
function askAll(situation: DecisionInput, answers: Partial<DecisionInput>) {
  const asked: Question[] = [];
  let input = situation;
  let answer = decide(input);
  while ('ask' in answer) {
    asked.push(answer.ask);
    input = { ...input, [answer.ask]: answers[answer.ask] };
    answer = decide(input);
  }
  return { asked, decision: answer };
}

const ORDER: readonly Question[] = ['exemption', 'preflight', 'approval', 'admission'];

describe('what is asked before a decision', () => {
  it('comes in one order, each once, and only as far as the decision needs it', { timeout: 60_000 }, () => {
    const sequences = new Set<string>();
    const wrong: unknown[] = [];
    for (const situation of situations())
      for (const exemption of exemptions)
        for (const preflight of preflights)
          for (const approval of approvals)
            for (const admission of admissions) {
              const answers = { exemption, preflight, approval, admission };
              const { asked, decision } = askAll(situation, answers);
              sequences.add(asked.join(' '));
              const inOrder = ORDER.filter((question) => asked.includes(question));
              const { mode } = situation;
              const isIdle = mode === undefined || mode === 'off' || mode === 'observe';
              const isWrong =
                !isDeepStrictEqual(asked, inOrder) ||
                (isIdle && asked.length > 0) ||
                (mode !== 'approve' && asked.includes('approval')) ||
                // Whoever asks the breaker takes a place.
                (asked.includes('admission') && decision.decision !== 'fix' && !decision.reason.startsWith('breaker-'));
              if (isWrong) wrong.push({ situation, answers, asked, decision });
            }

    expect(wrong).toEqual([]);
    expect([...sequences].toSorted()).toEqual([
      '',
      'exemption',
      'exemption preflight',
      'exemption preflight admission',
      'exemption preflight approval',
      'exemption preflight approval admission',
    ]);
  });

  it('changes nothing about a decision that could be made without it', { timeout: 60_000 }, () => {
    const wrong: unknown[] = [];
    for (const situation of situations()) {
      const answers = { exemption: none, preflight: go, approval: granted, admission: admitted };
      const { asked, decision } = askAll(situation, answers);

      if (!isDeepStrictEqual(decision, decide({ ...situation, ...answers })))
        wrong.push({ situation, asked, decision });
    }

    expect(wrong).toEqual([]);
  });

  it.each([undefined, 'off', 'observe'] as const)('is nothing in mode %s, whatever else holds', (mode) => {
    const wrong: unknown[] = [];
    for (const situation of situations()) {
      const answer = decide({ ...situation, mode });
      if ('ask' in answer || answer.decision !== 'observe') wrong.push({ situation, answer });
    }

    expect(wrong).toEqual([]);
  });
});

it.each([
  ['AZURE_TRANSIENT', true],
  ['AZURE_BUSY', true],
  ['AZURE_CONFLICT', true],
  ['AZURE_DENIED', false],
  ['AZURE_NOT_FOUND', false],
  ['AZURE_UNKNOWN_RESULT', false],
  ['STORAGE_UNAVAILABLE', false],
] as const)('after %s another try may help: %s', (code, isPassing) => {
  expect(isPassingError(new DockwardenError(code, 'x'))).toBe(isPassing);
});
