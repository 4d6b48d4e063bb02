import { describe, expect, test } from 'vitest';
import { detect } from '../../../src/policy/node-health/detect.ts';
import { hasSamples, loadScenarios } from './fixtures.ts';

const scenarios = loadScenarios();

test.skipIf(!hasSamples)('there are 17 agreed scenarios (skipped where the samples are not there)', () => {
  expect(scenarios).toHaveLength(17);
});

describe.each(scenarios)('agreed scenario: $name', ({ cluster, expected, health, now, thresholds }) => {
  const detection = detect(cluster, health, thresholds, now);

  test('gives the expected verdict on every node', () => {
    expect(verdictsOf(detection.nodes)).toEqual(expected.nodes);
  });

  test('gives the expected verdict on every pool', () => {
    expect(verdictsOf(detection.pools)).toEqual(expected.pools);
  });

  test('tells exactly the expected gaps, in order', () => {
    expect(detection.coverage).toEqual(expected.coverage);
    expect([...detection.coverageWords.keys()]).toEqual(expected.coverage);
  });
});

function verdictsOf(found: ReadonlyMap<string, { readonly verdict: string; readonly confidence?: string }>) {
  return Object.fromEntries(
    [...found].map(([name, { confidence, verdict }]) => [
      name,
      confidence === undefined ? { verdict } : { verdict, confidence },
    ]),
  );
}
