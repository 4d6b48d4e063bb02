import { setTimeout as wait } from 'node:timers/promises';
import type { AuditRecord } from '../../src/audit/audit-log.ts';
import { formatTable } from '../../src/cli/format-table.ts';
import { type AppSettings, ENFORCE_ALL } from '../app-settings.ts';
import { formatAuditLine, formatLatency } from '../audit-line.ts';
import { openAudit, watchAudit } from '../audit-watch.ts';
import type { SampleName } from '../azure/sample-ids.ts';
import type { LocalEnvironment } from '../environment.ts';
import { approveTags, askApp } from './ask-app.ts';
import { createChanges } from './changes.ts';
import { type Check, checkEndState } from './end-state.ts';
import {
  APPROVED,
  CAREFUL,
  CHANGED,
  DEFERRED,
  describeExpectation,
  ENFORCED,
  type Expectation,
  isMet,
  LEFT_ALONE,
  TICKET_CLOSED,
  TICKETED,
} from './expectations.ts';
import { printTicket } from './print-ticket.ts';

const TIMEOUT_MS = 120_000;
const POLL_MS = 100;
/** As often as the app bears it by default (`WAR_REVERTS`). */
const WAR_REVERTS = 3;

/** What the environment has to be started with: most is only looked at. */
export const CAREFUL_SETTINGS: AppSettings = {
  REMEDIATE_ACR_DISABLE_ADMIN_USER: 'observe',
  REMEDIATE_AKS_ADD_REQUIRED_TAGS: 'approve',
};

/**
 * In an environment with `CAREFUL_SETTINGS`: shows each remediation and each kind of decision once, then what came of it. Resolves to
 * whether the audit and the end state are right; rejects when something that must happen has not happened after two minutes, or when
 * `ended` is aborted.
 */
export async function runScenario(environment: LocalEnvironment, ended: AbortSignal): Promise<boolean> {
  const rows: AuditRecord[] = [];
  const watch = watchAudit(openAudit(environment), (row) => {
    rows.push(row);
    const line = formatAuditLine(row);
    if (line !== undefined) console.log(`  ${line}`);
  });
  try {
    const checks = await play(environment, rows, ended);
    await watch.stop();
    return report(rows, [...checks, ...(await checkEndState(environment, rows))]);
  } finally {
    await watch.stop();
  }
}

async function play(environment: LocalEnvironment, rows: readonly AuditRecord[], ended: AbortSignal): Promise<Check[]> {
  const deadline = Date.now() + TIMEOUT_MS;
  const changes = createChanges(environment.simulator);
  const objectIdOf = (name: string): string => environment.simulator.identity(name).objectId;
  const isIn = (expectation: Expectation): boolean => rows.some((row) => isMet(expectation, row, objectIdOf));
  const waitUntil = async (isSo: () => boolean, ...missing: readonly string[]): Promise<void> => {
    while (!isSo()) {
      ended.throwIfAborted();
      if (Date.now() > deadline) throw new Error(describeTimeout(missing));
      await wait(POLL_MS);
    }
  };
  const waitFor = async (expectations: readonly Expectation[]): Promise<void> => {
    for (const expectation of expectations) await waitUntil(() => isIn(expectation), describeExpectation(expectation));
  };
  const theRow = (stage: AuditRecord['stage'], resource: SampleName): AuditRecord => {
    const row = rows.findLast((known) => known.stage === stage && known.resourceName === resource);
    if (row === undefined) throw new Error(`the audit has no ${stage} about ${resource}`);
    return row;
  };
  const fixesOf = (resource: SampleName): number =>
    rows.filter(
      ({ outcome, policyId, resourceName }) =>
        resourceName === resource && outcome === 'fixed' && policyId === 'acr-admin-user-disabled',
    ).length;

  console.log('\n1. Careful settings: the admin user is only observed, tags wait for approval');
  console.log('   the operator rotates a password of contosobuild');
  await changes.rotatePassword();
  await waitFor(DEFERRED);
  console.log('   a sweep looks at everything');
  await environment.sweep();
  await waitFor(CAREFUL);

  console.log('   the operator approves the tags of aks-prod');
  await approveTags(environment);
  await waitFor(APPROVED);

  console.log('\n2. All remediations act, for this sample only');
  await environment.restartHost(ENFORCE_ALL);
  await environment.sweep();
  await waitFor(ENFORCED);

  console.log('\n3. Changes by others, through the Azure SDK');
  await changes.breakThings();
  await waitFor(CHANGED);

  console.log('\n4. What is left alone: an exemption, an undone fix, a fight');
  await changes.exempt();
  await askApp(environment, 'undo', { runId: theRow('outcome', 'aks-dev').remediationRunId ?? '' });
  for (let reversals = 1; reversals <= WAR_REVERTS; reversals += 1) {
    console.log(`   the automation switches the admin user of contosoci on again (${reversals} of ${WAR_REVERTS})`);
    await waitUntil(() => fixesOf('contosoci') === reversals, `fix ${reversals} of contosoci`);
    await changes.reverseFix();
  }
  await waitFor(LEFT_ALONE);

  console.log('\n5. What only people can do: tickets');
  await waitFor(TICKETED);
  await printTicket(environment, { policyId: 'aks-node-reboot-completed', resource: 'aks-prod', part: 'apps' });
  console.log(`   kured can drain again, and reboots ${changes.unblockReboots().join(', ')}`);
  await environment.sweep();
  await waitFor(TICKET_CLOSED);

  return [
    ...DEFERRED,
    ...CAREFUL,
    ...APPROVED,
    ...ENFORCED,
    ...CHANGED,
    ...LEFT_ALONE,
    ...TICKETED,
    ...TICKET_CLOSED,
  ].map((expectation) => ({
    what: describeExpectation(expectation),
    holds: isIn(expectation),
  }));
}

function describeTimeout(missing: readonly string[]): string {
  const list = missing.map((what) => `  ${what}`).join('\n');
  return `after ${TIMEOUT_MS / 1000} s the audit still does not say:\n${list}`;
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
