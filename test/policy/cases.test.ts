import { describe, expect, test } from 'vitest';
import { loadPolicyCases } from '../../scripts/load-cases.ts';
import { policies } from '../../src/policy/catalogue.ts';
import { evaluateCase } from './evaluate-case.ts';

const files = await loadPolicyCases();

test('every policy has its cases', () => {
  expect(files.map(({ content }) => content.policy.id).toSorted()).toEqual(policies.map(({ id }) => id).toSorted());
});

describe.each(files)('$content.policy.id', ({ content: { policy, cases } }) => {
  test.each(Object.entries(cases))('%s', (_sentence, example) => {
    expect(evaluateCase(policy, example)).toEqual(example.verdict);
  });

  test('has a compliant and a violating case', () => {
    const verdicts = new Set(Object.values(cases).map(({ verdict }) => verdict.verdict));

    expect(verdicts).toContain('compliant');
    expect(verdicts).toContain('violation');
  });
});
