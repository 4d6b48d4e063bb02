import { expect, test } from 'vitest';
import { type Look, sightingsOf } from '../../../src/engine/tickets/sightings.ts';
import { aksAlertsClosed } from '../../../src/policy/aks/alerts-closed.ts';
import type { Part, Verdict } from '../../../src/policy/define-policy.ts';

const gone = { seen: 'gone', resolution: 'gone' };
const unclear = { seen: 'unclear' };
const part = (name: string): Part => ({ name, verdict: 'compliant', evidence: {}, isCertain: true });

/** What is seen of parts that have tickets. */
function sightings(verdict: Verdict, knownParts: readonly string[]) {
  const look: Look = {
    target: { name: 'aks-prod' },
    policy: aksAlertsClosed,
    verdict,
    decision: undefined,
    remediationId: 'aks-track-alerts',
    isTracked: true,
    isInScope: true,
    actor: undefined,
    knownParts,
  };
  return Object.fromEntries(sightingsOf(look));
}

test('A part that is not among all parts is gone', () => {
  const verdict = { verdict: 'compliant', parts: [part('a')] } as const;

  expect(sightings(verdict, ['a', 'b'])).toMatchObject({ a: { seen: 'clean' }, b: gone });
});

test.each([
  { verdict: 'compliant' },
  { verdict: 'violation', evidence: {} },
  { verdict: 'unknown', missing: 'something' },
] as const)('A part that is not among some parts is unclear: $verdict', (verdict) => {
  const partial = { ...verdict, parts: [part('a')], isPartial: true } as const;

  expect(sightings(partial, ['a', 'b'])).toMatchObject({ a: { seen: 'clean' }, b: unclear });
});

/** So many names, as long as they may be. */
function namesOf(from: number, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${'x'.repeat(125)}${100 + from + index}`);
}

test('Parts that may be there all the same are gone when no finding could remember so many', () => {
  const parts = namesOf(0, 100).map(part);
  const missing = namesOf(100, 150);

  const seen = Object.entries(sightings({ verdict: 'compliant', parts, isPartial: true }, missing));
  const kept = seen.filter(([, sighting]) => sighting.seen === 'unclear').map(([each]) => each);

  expect(kept).toEqual(missing.slice(0, kept.length));
  expect(seen.filter(([, sighting]) => sighting.seen === 'gone')).toHaveLength(missing.length - kept.length);
  // With as many new ones as may come in one look, the finding still fits into a cell.
  const cell = JSON.stringify([...parts.map((each) => each.name), ...kept, ...namesOf(500, 50)]);
  expect(cell.length).toBeGreaterThan(31_000);
  expect(cell.length).toBeLessThanOrEqual(32_768);
});
