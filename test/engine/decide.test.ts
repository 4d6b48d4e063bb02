import { describe, expect, it } from 'vitest';
import { type DecisionInput, decide } from '../../src/engine/decide.ts';
import type { Preflight } from '../../src/remediations/define-remediation.ts';

const NOW = new Date('2026-11-23T10:00:00.000Z');
const moments: Readonly<Record<string, Date | undefined>> = {
  never: undefined,
  past: new Date(NOW.getTime() - 1),
  now: NOW,
  later: new Date(NOW.getTime() + 1),
};
const verdicts: readonly DecisionInput['verdict'][] = [
  { verdict: 'violation', evidence: { adminUserEnabled: true } },
  { verdict: 'unknown', missing: 'properties' },
];
const modes = [undefined, 'off', 'observe', 'approve', 'enforce'] as const;
const busy: readonly DecisionInput['busy'][] = [
  undefined,
  { reason: 'resource-busy', because: 'provisioningState is Updating' },
  { reason: 'resource-stopped', because: 'the cluster is stopped' },
];
const stop: Preflight = { go: false, reason: 'dependants-found', because: 'somebody' };
const preflights: readonly DecisionInput['preflight'][] = ['not-run', 'unavailable', { go: true }, stop];

function* allInputs(): Iterable<DecisionInput> {
  for (const verdict of verdicts)
    for (const mode of modes)
      for (const busyNow of busy)
        for (const yieldUntil of Object.values(moments))
          for (const backoffUntil of Object.values(moments))
            for (const preflight of preflights)
              yield { verdict, mode, busy: busyNow, yieldUntil, backoffUntil, preflight, now: NOW };
}

const inputs = [...allInputs()];
const isLater = (time: Date | undefined) => time !== undefined && time > NOW;

/** The order of the rules as the architecture names it (§6), each with the only answer that it allows. */
const rules: readonly (readonly [
  name: string,
  applies: (input: DecisionInput) => boolean,
  answer: (input: DecisionInput) => unknown,
])[] = [
  [
    'what cannot be judged is observed',
    ({ verdict }) => verdict.verdict === 'unknown',
    () => ({ decision: 'observe', reason: 'verdict-unknown', because: 'cannot be judged without properties' }),
  ],
  ['nothing fixes it', ({ mode }) => mode === undefined, () => ({ decision: 'observe', reason: 'no-remediation' })],
  ['the remediation is off', ({ mode }) => mode === 'off', () => ({ decision: 'observe', reason: 'remediation-off' })],
  ['only observing', ({ mode }) => mode === 'observe', () => ({ decision: 'observe', reason: 'mode-observe' })],
  ['busy or stopped', (input) => input.busy !== undefined, (input) => ({ decision: 'defer', ...input.busy })],
  [
    'somebody else has just done it',
    ({ yieldUntil }) => isLater(yieldUntil),
    ({ yieldUntil }) => ({
      decision: 'defer',
      reason: 'changed-by-others',
      because: 'somebody else did this a short time ago',
      until: yieldUntil,
    }),
  ],
  [
    'it failed for good a short time ago',
    ({ backoffUntil }) => isLater(backoffUntil),
    ({ backoffUntil }) => ({
      decision: 'defer',
      reason: 'backing-off',
      because: 'the last run failed for good',
      until: backoffUntil,
    }),
  ],
  ['the pre-flight is not known yet', ({ preflight }) => preflight === 'not-run', () => 'needs-preflight'],
  [
    'the pre-flight cannot be had now',
    ({ preflight }) => preflight === 'unavailable',
    () => ({ decision: 'defer', reason: 'preflight-unavailable' }),
  ],
  [
    'something stands in the way',
    ({ preflight }) => preflight === stop,
    () => ({ decision: 'ticket', reason: 'dependants-found', because: 'somebody' }),
  ],
  [
    'a person has to agree',
    ({ mode }) => mode === 'approve',
    () => ({ decision: 'await-approval', reason: 'mode-approve' }),
  ],
  ['all is well', () => true, () => ({ decision: 'fix', reason: 'mode-enforce' })],
];

describe('a decision, over all of its inputs', () => {
  it('sees every combination', () => {
    expect(inputs).toHaveLength(2 * 5 * 3 * 4 * 4 * 4);
  });

  it.each(rules.map(([name], index) => ({ name, index })))(
    'rule $index wins over those below it: $name',
    ({ index }) => {
      const [, , answer] = rules[index] ?? [];
      const mine = inputs.filter((input) => rules.findIndex(([, applies]) => applies(input)) === index);

      expect(mine.length).toBeGreaterThan(0);
      for (const input of mine) expect(decide(input)).toEqual(answer?.(input));
    },
  );

  it('is to fix only in mode enforce, on a violation of a resource at rest, with a pre-flight that says go', () => {
    const fixes = inputs.filter((input) => {
      const decision = decide(input);
      return decision !== 'needs-preflight' && decision.decision === 'fix';
    });

    expect(fixes.length).toBeGreaterThan(0);
    for (const { verdict, mode, busy: busyNow, preflight, yieldUntil, backoffUntil } of fixes) {
      expect([verdict.verdict, mode, busyNow, preflight]).toEqual(['violation', 'enforce', undefined, { go: true }]);
      expect([isLater(yieldUntil), isLater(backoffUntil)]).toEqual([false, false]);
    }
  });

  it('always has a reason code, and depends on nothing but its input', () => {
    for (const input of inputs) {
      const before = structuredClone(input);
      const decision = decide(input);
      expect(decision === 'needs-preflight' || /^[a-z-]+$/.test(decision.reason)).toBe(true);
      expect(decide(input)).toEqual(decision);
      expect(input).toEqual(before);
    }
  });
});
