import type { AuditRecord } from '../../src/audit/audit-log.ts';
import { formatTable } from '../../src/cli/format-table.ts';
import { formatLatency } from '../audit-line.ts';
import type { Check } from './checks.ts';
import { createWaits, type WaitOptions, type Waits } from './waits.ts';

export interface PlayOptions extends WaitOptions {
  /** What must hold besides; asked for when all has been played. */
  readonly checkPromises: () => Promise<readonly Check[]>;
}

/**
 * Plays, prints what came of it, and resolves to whether everything is right. What does not come in time and what stops it half-way are checks
 * that fail: all others are printed with them. Rejects when `ended` is aborted.
 */
export async function playOut(
  play: (waits: Waits) => Promise<readonly Check[]>,
  options: PlayOptions,
): Promise<boolean> {
  const waits = createWaits(options);
  const atTheEnd = await playToTheEnd(async () => await play(waits), options.ended);
  return report(options.rows, [...waits.checks, ...atTheEnd, ...(await options.checkPromises())]);
}

async function playToTheEnd(play: () => Promise<readonly Check[]>, ended: AbortSignal): Promise<readonly Check[]> {
  try {
    return await play();
  } catch (error) {
    ended.throwIfAborted();
    const message = error instanceof Error ? error.message : String(error);
    return [{ what: `the scenario was played to its end: ${message}`, holds: false }];
  }
}

function report(rows: readonly AuditRecord[], checks: readonly Check[]): boolean {
  const shown = rows.filter(({ stage }) => stage === 'decision' || stage === 'outcome');
  const cells = shown.map((row) => [
    row.resourceName ?? '',
    row.policyId ?? '',
    row.decision ?? '',
    row.outcome ?? '',
    row.reason ?? '',
    row.outcome === 'fixed' ? formatLatency(row) : '',
  ]);
  console.log(`\n${formatTable(['RESOURCE', 'POLICY', 'DECISION', 'OUTCOME', 'REASON', 'EVENT TO FIX'], cells)}\n`);
  for (const { holds, what } of checks) console.log(`${holds ? '✓' : '✗'} ${what}`);
  const failed = checks.filter(({ holds }) => !holds).length;
  console.log(`\n${checks.length - failed} of ${checks.length} checks hold`);
  return failed === 0;
}
