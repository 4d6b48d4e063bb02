import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Check } from '../../local/scenario/checks.ts';
import { playOut } from '../../local/scenario/play-out.ts';
import type { Waits } from '../../local/scenario/waits.ts';
import type { AuditRecord } from '../../src/audit/audit-log.ts';

const fixed: AuditRecord = {
  time: '2026-11-23T10:00:00.000Z',
  stage: 'outcome',
  resourceName: 'contosoacr',
  policyId: 'acr-admin-user-disabled',
  outcome: 'fixed',
};
const happens = { resource: 'contosoacr', stage: 'outcome', says: 'fixed' } as const;
const never = { resource: 'contosoci', stage: 'ticket', says: 'ticket-opened' } as const;

const printed: string[] = [];
let rows: AuditRecord[];
let now: number;

beforeEach(() => {
  printed.length = 0;
  rows = [fixed];
  now = 1_000;
  vi.spyOn(console, 'log').mockImplementation((text: string) => void printed.push(...text.split('\n')));
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** Time passes only while somebody waits, and then at once. */
async function play(
  scenario: (waits: Waits) => Promise<readonly Check[]>,
  { ended = new AbortController().signal, pass = (): void => undefined } = {},
): Promise<boolean> {
  return await playOut(scenario, {
    rows,
    ended,
    objectIdOf: (name) => name,
    time: {
      now: () => now,
      wait: async (milliseconds) => {
        now += milliseconds;
        await Promise.resolve(pass());
      },
    },
    checkPromises: async () => await Promise.resolve([{ what: 'the app is healthy', holds: true }]),
  });
}
const marks = (): readonly string[] => printed.filter((line) => /^[✓✗]/.test(line));

describe('a scenario', () => {
  test('whose awaited state never comes says so, goes on, and prints the rest', async () => {
    const passed = await play(async ({ waitFor, waitUntil }) => {
      await waitFor([never, happens]);
      await waitUntil(() => false, 'others were told');
      return [{ what: 'contosoacr: the admin user is off', holds: true }];
    });

    expect(passed).toBe(false);
    expect(marks()).toEqual([
      '✗ contosoci: ticket-opened',
      '✓ contosoacr: fixed',
      '✗ others were told',
      '✓ contosoacr: the admin user is off',
      '✓ the app is healthy',
    ]);
    expect(printed.find((line) => line.startsWith('contosoacr'))).toMatch(/acr-admin-user-disabled +fixed/);
    expect(printed.at(-1)).toBe('3 of 5 checks hold');
  });

  test('is right when all that it waits for comes, late as it may be', async () => {
    rows = [];
    const pass = (): void => {
      if (now >= 115_000 && rows.length === 0) rows.push(fixed);
    };

    const passed = await play(
      async ({ waitFor, waitUntil }) => {
        await waitFor([happens]);
        await waitUntil(async () => await Promise.resolve(rows.length === 1), 'others were told');
        return [];
      },
      { pass },
    );

    expect(passed).toBe(true);
    expect(marks()).toEqual(['✓ contosoacr: fixed', '✓ others were told', '✓ the app is healthy']);
    expect(printed.at(-1)).toBe('3 of 3 checks hold');
  });

  test('waits two minutes for all of it, and five seconds for what comes after something that never came', async () => {
    const took: number[] = [];
    await play(async ({ waitUntil }) => {
      for (const what of ['one', 'two', 'three']) {
        const before = now;
        await waitUntil(() => what === 'two' && now >= before + 4_000, what);
        took.push(Math.round((now - before) / 1_000));
      }
      return [];
    });

    expect(took).toEqual([120, 4, 5]);
    expect(marks()).toEqual(['✗ one', '✓ two', '✗ three', '✓ the app is healthy']);
  });

  test('that cannot go on says why, with all that has come true before', async () => {
    const passed = await play(async ({ waitFor }) => {
      await waitFor([happens]);
      throw new Error('there is no ticket about it');
    });

    expect(passed).toBe(false);
    expect(marks()).toEqual([
      '✓ contosoacr: fixed',
      '✗ the scenario was played to its end: there is no ticket about it',
      '✓ the app is healthy',
    ]);
  });

  test('that is interrupted while it waits prints nothing', async () => {
    const interrupt = new AbortController();
    const pass = (): void => interrupt.abort(new Error('interrupted'));

    const playing = play(
      async ({ waitFor }) => {
        await waitFor([never]);
        return [];
      },
      { ended: interrupt.signal, pass },
    );

    await expect(playing).rejects.toThrow('interrupted');
    expect(printed).toEqual([]);
  });
});
