import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Alerts } from '../../src/defender/alerts.ts';
import { foretellAlert } from '../../src/defender/foretell-alert.ts';
import { createTableAlerts } from '../../src/defender/table-alerts.ts';
import { alertSeverities, type DefenderAlert, MAX_ALERTS } from '../../src/resources/defender.ts';
import { parseResourceId } from '../../src/resources/resource-id.ts';
import { MemoryTableStore } from '../support/memory-table-store.ts';

const REGISTRY = parseResourceId(
  '/subscriptions/00000000-0000-4000-8000-00000000000a/resourceGroups/rg/providers/Microsoft.ContainerRegistry/registries/shop',
);
const at = (hours: number) => new Date(Date.parse('2026-08-20T12:00:00.000Z') + hours * 3_600_000).toISOString();

function alert(id: string, change: Partial<DefenderAlert> = {}): DefenderAlert {
  return {
    id,
    type: 'T',
    severity: 'Medium',
    title: '',
    description: '',
    intent: '',
    steps: '',
    links: '',
    raisedAt: at(0),
    changedAt: at(0),
    receivedAt: at(0),
    status: 'active',
    ...change,
  };
}

/** Few ids, in two casings, and few moments: they meet each other. */
const message: fc.Arbitrary<DefenderAlert> = fc
  .record({
    id: fc.constantFrom('a', 'A', 'b', 'B', 'c'),
    status: fc.constantFrom('active' as const, 'closed' as const),
    severity: fc.constantFrom(...alertSeverities),
    raisedAt: fc.integer({ min: -2500, max: 2 }).map(at),
    changedAt: fc.integer({ min: 0, max: 4 }).map(at),
  })
  .map((change) => alert(change.id, change));
/** What somebody does to one of the rows before the next alert comes. */
const damage = fc.constantFrom(undefined, undefined, { severity: 'Worst' });

interface Told {
  readonly saved: string;
  readonly alerts: readonly DefenderAlert[];
  readonly unreadable: readonly string[];
}

/** Of one moment in any order. */
function told(saved: string, alerts: readonly DefenderAlert[], unreadable: readonly (string | undefined)[]): Told {
  const sorted = alerts.toSorted((one, other) => one.id.localeCompare(other.id));
  return { saved, alerts: sorted, unreadable: unreadable.map(String).toSorted() };
}

/** What was foretold of an alert, and what came of it. */
async function takeIn(alerts: Alerts, next: DefenderAlert): Promise<readonly [foretold: Told, happened: Told]> {
  const [before, after]: [(string | undefined)[], (string | undefined)[]] = [[], []];
  const foretold = await foretellAlert(alerts, REGISTRY, next, (_error, id) => before.push(id));
  const saved = await alerts.save(REGISTRY, next, async () => await Promise.resolve());
  const stored = await alerts.ofResource(REGISTRY, (_error, id) => after.push(id));
  return [told(foretold.saved, foretold.alerts, before), told(saved, stored, after)];
}

describe('what is foretold of an alert', () => {
  test('is what comes true, whatever was told before and whatever somebody has damaged', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(message, damage), { maxLength: 8 }), async (steps) => {
        const table = new MemoryTableStore('alerts');
        const alerts = createTableAlerts(table);
        for (const [hours, [next, damaged]] of steps.entries()) {
          const [row] = table.rows;
          if (damaged !== undefined && row !== undefined)
            await table.replace(row, { ...row.columns, ...damaged }, row.etag);
          const [foretold, happened] = await takeIn(alerts, { ...next, receivedAt: at(10 + hours) });
          expect(foretold).toEqual(happened);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('is what comes true also where there is no room', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(message, { minLength: 1, maxLength: 5 }), async (steps) => {
        const table = new MemoryTableStore('alerts');
        const alerts = createTableAlerts(table);
        for (let index = 0; index < MAX_ALERTS - 1; index += 1)
          await alerts.save(REGISTRY, alert(`n${index}`, { severity: 'Medium' }), async () => await Promise.resolve());
        for (const next of steps) {
          const [foretold, happened] = await takeIn(alerts, { ...next, receivedAt: at(10) });
          expect(foretold).toEqual(happened);
        }
      }),
      { numRuns: 10 },
    );
  });

  test('changes nothing', async () => {
    const table = new MemoryTableStore('alerts');
    const alerts = createTableAlerts(table);
    await alerts.save(REGISTRY, alert('a'), async () => await Promise.resolve());
    const before = structuredClone(table.rows);

    const { alerts: foretold } = await foretellAlert(
      alerts,
      REGISTRY,
      alert('b', { raisedAt: at(1) }),
      () => undefined,
    );

    expect(foretold.map(({ id }) => id)).toEqual(['b', 'a']);
    expect(table.rows).toEqual(before);
  });
});
