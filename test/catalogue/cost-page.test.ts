import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { monthlyCost, renderCostPage } from '../../scripts/generated/cost-page.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

test('a thousand events cost nothing but cents, and more events never cost less', () => {
  const totals = [0, 1000, 100_000, 1_000_000, 10_000_000].map((events) => monthlyCost(events).total);

  expect(totals[0]).toBe(0);
  expect(totals[1]).toBeLessThan(0.01);
  expect(totals).toEqual(totals.toSorted((one, other) => one - other));
  expect(new Set(totals).size).toBe(totals.length);
});

test('the total is the sum of its parts, calculated by hand for 100,000 events', () => {
  const { executions, gigabyteSeconds, eventOperations, parts, total } = monthlyCost(100_000);

  expect([executions, gigabyteSeconds, eventOperations]).toEqual([202_000, 404_000, 306_000]);
  // 202,000 executions are free; (404,000 - 100,000) GB-seconds at $0.000026.
  expect(parts.functions).toBeCloseTo(7.904, 6);
  // (306,000 - 100,000) operations at $0.60 per million.
  expect(parts.eventGrid).toBeCloseTo(0.1236, 6);
  expect(total).toBeCloseTo(parts.functions + parts.eventGrid + parts.storage + parts.logs, 9);
});

test('the counts are those that the budget tests allow, and the concurrency is that of host.json', async () => {
  const budgets = await readFile(join(root, 'test/acceptance/budgets.test.ts'), 'utf8');
  const host: unknown = JSON.parse(await readFile(join(root, 'host.json'), 'utf8'));
  const page = renderCostPage();

  expect(budgets).toContain('const FIX_CALLS = 12;');
  expect(page).toContain('2 operations to take an event in, 4 for a look, 12 for one that fixes');
  expect(host).toMatchObject({ extensions: { queues: { batchSize: 8, newBatchThreshold: 4 } } });
  expect(page).toContain('12 messages on an instance at once');
});
