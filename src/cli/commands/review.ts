import type { Command } from 'commander';
import type { AuditLog, AuditRecord } from '../../audit/audit-log.ts';
import { DockwardenError } from '../../errors.ts';
import { evidenceHash, findingId } from '../../findings/finding-id.ts';
import type { Finding } from '../../findings/findings.ts';
import { describeCalls } from '../describe-calls.ts';
import { findFinding } from '../find-finding.ts';
import { formatTable } from '../format-table.ts';
import { type AppOptions, addAppOptions, parseFindingId, parseRunId } from '../options.ts';
import { isLookDone, requestApp } from '../request-app.ts';
import { findLocalRun, openStorage } from '../storage-access.ts';
import { type Shell, warnAboutRow } from '../terminal.ts';

const FINDING = 'id that "findings list" shows, or the beginning of it';
const DAY = 86_400_000;
/** How far back the plan of a fix is looked for. */
const PLAN_AGE = 30 * DAY;

export function addReview(program: Command, shell: Shell): void {
  const approve = program
    .command('approve')
    .description('approve the fix of a finding that waits for it; what is approved is shown first')
    .argument('<finding>', FINDING, parseFindingId)
    .option('--comment <text>', 'kept in the audit');
  addAppOptions(approve).action(async (id: string, options: AppOptions & { readonly comment?: string }) => {
    const storage = openStorage(options);
    const finding = await findFinding(storage.findings, id, warnAboutRow(shell.terminal));
    checkWaiting(finding);
    const { resourceId, policyId } = finding;
    if (options.format === 'table') shell.terminal.print(await describe(storage.audit, finding, shell.time.now()));
    await requestApp(shell, {
      action: 'approve',
      body: { resourceId, policyId, evidence: evidenceHash(finding), ...given('comment', options.comment) },
      options,
      run: storage.run,
      result: options.wait ? { storage, finding, isLast: isLookDone, isSuccess: isFixedOrPlanned } : undefined,
    });
  });

  const reject = program
    .command('reject')
    .description('reject the fix of a finding that waits for approval')
    .argument('<finding>', FINDING, parseFindingId)
    .requiredOption('--reason <text>', 'why; kept in the audit (required)');
  addAppOptions(reject).action(async (id: string, options: AppOptions & { readonly reason: string }) => {
    const { findings, run } = openStorage(options);
    const finding = await findFinding(findings, id, warnAboutRow(shell.terminal));
    const { resourceId, policyId } = finding;
    await requestApp(shell, {
      action: 'reject',
      body: { resourceId, policyId, evidence: evidenceHash(finding), reason: options.reason },
      options,
      run,
      // It holds from the moment of the answer.
      result: undefined,
    });
  });

  const undo = program
    .command('undo')
    .description('put back what a run has changed; the policy then leaves the resource alone for a time')
    .argument('<run id>', 'column remediationRunId of the audit', parseRunId)
    .option('--reason <text>', 'kept in the audit');
  addAppOptions(undo).action(async (runId: string, options: AppOptions & { readonly reason?: string }) => {
    const storage = options.wait ? openStorage(options) : undefined;
    await requestApp(shell, {
      action: 'undo',
      body: { runId, ...given('reason', options.reason) },
      options,
      run: storage === undefined ? findLocalRun(options) : storage.run,
      result: storage && {
        storage,
        finding: undefined,
        isLast: ({ stage }) => stage === 'undo',
        isSuccess: ({ outcome }) => outcome === 'undone',
      },
    });
  });
}

/** The server decides; this saves a request that would be refused anyway. */
function checkWaiting(finding: Finding): void {
  const { status, closedBecause, decision, reason } = finding;
  if (status === 'open' && decision === 'await-approval') return;
  const state =
    status === 'closed'
      ? `it is closed (${closedBecause ?? 'unknown'})`
      : `its decision is ${decision ?? 'none'} (${reason ?? 'unknown'})`;
  throw new DockwardenError(
    'INPUT_INVALID_MESSAGE',
    `finding ${findingId(finding)} does not wait for approval: ${state}`,
  );
}

async function describe(audit: AuditLog, finding: Finding, now: Date): Promise<string> {
  const plan = await findPlan(audit, finding, now);
  return formatTable(
    ['FINDING', findingId(finding)],
    [
      ['RESOURCE', finding.resourceId],
      ['POLICY', finding.policyId],
      ['SEVERITY', finding.severity],
      ['EVIDENCE', finding.evidence ?? '-'],
      ['SINCE', finding.since],
      ...(plan === undefined ? [['WOULD CALL', 'not on record']] : plan.map((call) => ['WOULD CALL', call])),
    ],
  );
}

/** The calls that the newest decision about the finding has planned. */
async function findPlan(audit: AuditLog, finding: Finding, now: Date): Promise<readonly string[] | undefined> {
  const since = Math.max(Date.parse(finding.since) - DAY, now.getTime() - PLAN_AGE);
  for await (const row of audit.list(new Date(since), new Date(now.getTime() + DAY), () => undefined))
    if (isDecisionAbout(row, finding)) return row.operations === undefined ? undefined : describeCalls(row.operations);
  return undefined;
}

function isDecisionAbout({ stage, resourceId, policyId }: AuditRecord, finding: Finding): boolean {
  return (
    stage === 'decision' &&
    policyId === finding.policyId &&
    resourceId?.toLowerCase() === finding.resourceId.toLowerCase()
  );
}

function isFixedOrPlanned({ stage, decision, outcome, reason }: AuditRecord): boolean {
  if (stage === 'outcome') return outcome === 'fixed' || outcome === 'already-compliant';
  return decision === 'defer' || reason === 'approval-pending';
}

function given(name: string, text: string | undefined): Readonly<Record<string, string>> {
  return text === undefined ? {} : { [name]: text };
}
