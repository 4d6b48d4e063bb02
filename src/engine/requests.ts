import { type AuditRecord, auditKey } from '../audit/audit-log.ts';
import { isDockwardenError } from '../errors.ts';
import type { PendingCause } from '../work/work-items.ts';
import { causeColumns, resourceColumns } from './audit-rows.ts';
import type { ResourcePass } from './resource-pass.ts';
import type { Snapshot } from './snapshot.ts';
import { type Undone, undoFix } from './undo.ts';
import { isAnswered, isWritten, refuseUndo, type UndoCause } from './undo-answer.ts';

/** Ends the quarantines that operators asked to end; for that the resource need not even be readable. */
export async function releaseQuarantines(pass: ResourcePass): Promise<void> {
  for (const cause of pass.causes)
    if (cause.request?.action === 'release') await release(pass, cause, cause.request.policyId);
}

/** Takes back what operators asked to take back, oldest first; a request that has to wait stays in the row, and so do those after it. */
export async function undoFixes(pass: ResourcePass, snapshot: Snapshot): Promise<Undone> {
  let current = snapshot;
  for (const cause of pass.causes) {
    if (!isUndo(cause) || (await isAnswered(pass, cause))) continue;
    const asked = await findRequest(pass, cause);
    if (asked?.previousRunId !== cause.request.runId) continue;
    const undone = await undoFix(pass, current, { ...asBy(cause, asked), request: cause.request });
    if (undone.wait !== undefined) return undone;
    current = undone.snapshot;
  }
  return { wait: undefined, snapshot: current };
}

/** Answers what cannot be done because the resource cannot be read. */
export async function refuseUndos(pass: ResourcePass, reason: string, because: string): Promise<void> {
  for (const cause of pass.causes) {
    if (!isUndo(cause) || (await isAnswered(pass, cause))) continue;
    const asked = await findRequest(pass, cause);
    if (asked?.previousRunId === cause.request.runId)
      await refuseUndo(pass, { ...asBy(cause, asked), request: cause.request }, reason, because);
  }
}

/**
 * The row that the app wrote when the request came in. Without it nobody has asked: whoever can write into the tables, but not ask the app, could
 * put a request into a row of `work`, and anybody's name on it.
 */
async function findRequest({ context, target }: ResourcePass, cause: PendingCause): Promise<AuditRecord | undefined> {
  try {
    const row = await context.audit.find(auditKey(new Date(cause.time), `${cause.id}-asked`, 'operator'));
    if (row?.resourceId?.toLowerCase() === target.key) return row;
  } catch (error) {
    if (!isDockwardenError(error, 'INPUT_INVALID_ROW')) throw error;
  }
  context.log.error('a request is not on record, and ignored', { resourceId: target.id, causeId: cause.id });
  return undefined;
}

/** Who asked is who the record says. */
function asBy({ actor: _claimed, ...cause }: PendingCause, { actor }: AuditRecord): PendingCause {
  return { ...cause, ...(actor !== undefined && { actor: { id: actor } }) };
}

function isUndo(cause: PendingCause): cause is UndoCause {
  return cause.request?.action === 'undo';
}

/** Ends a quarantine, once for each request: a fight that goes on afterwards is a new one. */
async function release(pass: ResourcePass, cause: PendingCause, policyId: string): Promise<void> {
  const { context, target } = pass;
  const key = auditKey(new Date(cause.time), `${cause.id}-released`, 'operator');
  if (await isWritten(context.audit, key)) return;
  const asked = await findRequest(pass, cause);
  if (asked?.policyId !== policyId) return;
  const { reverts: _reverts, quarantines: _count, quarantinedUntil, ...memory } = pass.memoryOf({ id: policyId });
  // Stored first: a row that says so, and a quarantine that goes on, would be a lie.
  pass.remember(policyId, memory);
  await pass.notes.save();
  await context.audit.append(key, {
    time: context.clock.now().toISOString(),
    stage: 'operator',
    reason: 'quarantine-released',
    ...resourceColumns(target),
    ...causeColumns(asBy(cause, asked)),
    policyId,
    ...(quarantinedUntil !== undefined && { error: `it would have lasted until ${quarantinedUntil}` }),
    configHash: context.settings.hash,
    version: context.version,
  });
}
