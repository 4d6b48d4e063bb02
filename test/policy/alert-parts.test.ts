import { describe, expect, test } from 'vitest';
import { alert, known } from '../../src/policy/defender/alert-example.ts';
import { judgeAlerts } from '../../src/policy/defender/alert-parts.ts';
import { type DefenderAlert, MAX_ALERTS } from '../../src/resources/defender.ts';

const NOW = new Date('2026-11-02T12:00:00Z');

function alerts(count: number, change: Partial<DefenderAlert> = {}): readonly DefenderAlert[] {
  return Array.from({ length: count }, (_, index) => alert({ id: `a${index}`, ...change }));
}

function judge(told: readonly DefenderAlert[], unreadable: readonly string[] = []) {
  return judgeAlerts(known(told, { unreadable }), 'Microsoft.ContainerService/managedClusters', NOW);
}

describe('a verdict on alerts says that there may be more', () => {
  test('when there are as many as are remembered', () => {
    expect(judge(alerts(MAX_ALERTS - 1))).not.toHaveProperty('isPartial');
    expect(judge(alerts(MAX_ALERTS))).toMatchObject({ verdict: 'violation', isPartial: true });
    expect(judge(alerts(MAX_ALERTS + 1))).toMatchObject({ verdict: 'violation', isPartial: true });
    expect(judge(alerts(MAX_ALERTS, { status: 'closed' }))).toMatchObject({ verdict: 'compliant', isPartial: true });
  });

  test('but not for those that nobody need remember any more', () => {
    const over = { status: 'closed', changedAt: '2026-10-01T12:00:00.000Z' } as const;

    expect(judge(alerts(MAX_ALERTS, over))).not.toHaveProperty('isPartial');
  });

  test('of those that cannot be read, too', () => {
    expect(judge(alerts(MAX_ALERTS - 1), ['b'])).toMatchObject({ verdict: 'violation', isPartial: true });
    expect(judge(alerts(MAX_ALERTS - 2), ['b'])).not.toHaveProperty('isPartial');
  });

  test('while one cannot be read so that nobody knows which it is', () => {
    expect(judge([], [''])).toEqual({
      verdict: 'unknown',
      missing: 'stored alerts that can be read',
      parts: [],
      isPartial: true,
    });
    expect(judge([], ['a'])).not.toHaveProperty('isPartial');
  });
});
