import { type AuditKey, type AuditLog, type AuditRecord, auditKey } from '../audit/audit-log.ts';
import { isDockwardenError } from '../errors.ts';
import type { OperatorRequest } from '../events/cause.ts';
import type { PendingCause } from '../work/work-items.ts';
import { resourceColumns } from './audit-rows.ts';
import type { ResourcePass } from './resource-pass.ts';

/** An operator's request to take a fix back. */
export type UndoCause = PendingCause & { readonly request: Extract<OperatorRequest, { action: 'undo' }> };

/** Answers a request to undo with "no". */
export async function refuseUndo(
  pass: ResourcePass,
  cause: UndoCause,
  refused: string,
  because: string,
): Promise<void> {
  await answerUndo(pass, {
    requestId: cause.id,
    requestedAt: cause.time,
    actor: cause.actor?.id ?? 'unknown',
    record: { previousRunId: cause.request.runId, reason: `refused-${refused}`, error: because },
  });
}

interface Answer {
  readonly requestId: string;
  readonly requestedAt: string;
  readonly actor: string;
  readonly record: Partial<AuditRecord>;
}

/** The one row that ends a request; its key is made of the request, so that it is written once. */
export async function answerUndo(pass: ResourcePass, { requestId, requestedAt, actor, record }: Answer): Promise<void> {
  const { context, target } = pass;
  const key = auditKey(new Date(requestedAt), requestId, 'undo');
  try {
    await context.audit.append(key, {
      time: context.clock.now().toISOString(),
      stage: 'undo',
      ...resourceColumns(target),
      causeKind: 'operator',
      causeId: requestId,
      causeTime: requestedAt,
      actor,
      ...record,
      configHash: context.settings.hash,
      version: context.version,
    });
  } catch (error) {
    // The request was answered by an earlier worker, with another run: that answer stands.
    if (!isDockwardenError(error, 'INTERNAL_INVARIANT')) throw error;
  }
}

/** Was this request answered before? */
export async function isAnswered({ context }: ResourcePass, { time, id }: PendingCause): Promise<boolean> {
  return await isWritten(context.audit, auditKey(new Date(time), id, 'undo'));
}

/** Does a row stand there, even one that cannot be read any more? */
export async function isWritten(audit: AuditLog, key: AuditKey): Promise<boolean> {
  try {
    return (await audit.find(key)) !== undefined;
  } catch (error) {
    if (!isDockwardenError(error, 'INPUT_INVALID_ROW')) throw error;
    return true;
  }
}
