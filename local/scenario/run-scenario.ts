import { setTimeout as wait } from 'node:timers/promises';
import type { AuditRecord } from '../../src/audit/audit-log.ts';
import { formatTable } from '../../src/cli/format-table.ts';
import { formatAuditLine, formatLatency } from '../audit-line.ts';
import { openAudit, watchAudit } from '../audit-watch.ts';
import type { LocalEnvironment } from '../environment.ts';
import { type Check, checkPromises } from './checks.ts';
import { describeExpectation, type Expectation, isMet } from './expectation.ts';
import type { Scenario, Stage } from './scenario.ts';

const TIMEOUT_MS = 120_000;
const POLL_MS = 100;

/**
 * Plays a scenario in an environment that was started with its settings, prints what the audit says meanwhile, and what came of it. Resolves to
 * whether everything is right; rejects when something that must happen has not happened after two minutes, or when `ended` is aborted.
 */
export async function runScenario(
  scenario: Scenario,
  environment: LocalEnvironment,
  ended: AbortSignal,
): Promise<boolean> {
  const rows: AuditRecord[] = [];
  const watch = watchAudit(openAudit(environment), (row) => {
    rows.push(row);
    const line = formatAuditLine(row);
    if (line !== undefined) console.log(`  ${line}`);
  });
  try {
    const checks = await scenario.play(createStage(environment, rows, ended));
    await watch.stop();
    return report(rows, [...checks, ...(await checkPromises(environment, rows))]);
  } finally {
    await watch.stop();
  }
}

function createStage(environment: LocalEnvironment, rows: readonly AuditRecord[], ended: AbortSignal): Stage {
  const deadline = Date.now() + TIMEOUT_MS;
  const objectIdOf = (name: string): string => environment.simulator.identity(name).objectId;
  const isIn = (expectation: Expectation): boolean => rows.some((row) => isMet(expectation, row, objectIdOf));
  const waitUntil: Stage['waitUntil'] = async (isSo, what): Promise<void> => {
    while (!(await isSo())) {
      ended.throwIfAborted();
      if (Date.now() > deadline)
        throw new Error(`after ${TIMEOUT_MS / 1000} s this has still not happened:\n  ${what}`);
      await wait(POLL_MS);
    }
  };
  return {
    environment,
    rows,
    waitUntil,
    waitFor: async (expectations) => {
      for (const expectation of expectations) {
        await waitUntil(() => isIn(expectation), describeExpectation(expectation));
      }
      return expectations.map((expectation) => ({ what: describeExpectation(expectation), holds: isIn(expectation) }));
    },
  };
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
