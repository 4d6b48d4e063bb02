import type { AuditRecord } from '../../src/audit/audit-log.ts';
import { formatAuditLine } from '../audit-line.ts';
import { openAudit, watchAudit } from '../audit-watch.ts';
import type { LocalEnvironment } from '../environment.ts';
import { checkPromises } from './checks.ts';
import { playOut } from './play-out.ts';
import type { Scenario } from './scenario.ts';

/**
 * Plays a scenario in an environment that was started with its settings, prints what the audit says meanwhile, and what came of it. Resolves to
 * whether everything is right; rejects when `ended` is aborted.
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
    return await playOut(async (waits) => await scenario.play({ environment, rows, ...waits }), {
      rows,
      ended,
      objectIdOf: (name) => environment.simulator.identity(name).objectId,
      checkPromises: async () => {
        await watch.stop();
        return await checkPromises(environment, rows);
      },
    });
  } catch (error) {
    await watch.stop();
    throw error;
  }
}
