import type { ReviewBody } from '../events/review-body.ts';
import { formatWorkMessage } from '../events/work-message.ts';
import { remediationGuard, subscriptionGuard } from '../guards/breaker.ts';
import { findResourceId, type ResourceId } from '../resources/resource-id.ts';
import { markDirty } from './accept.ts';
import { resourceColumns } from './audit-rows.ts';
import { findOpen, operatorCause, type ReviewAnswer, type ReviewRequest, record, refused } from './review-request.ts';
import { findUndoable } from './undoable.ts';

/** Asks for a fix to be taken back; the worker that holds the resource does it, or says why not. */
export async function undo(request: ReviewRequest, { runId, reason }: ReviewBody<'undo'>): Promise<ReviewAnswer> {
  const { context, requestId } = request;
  const found = await findUndoable(context, runId);
  if ('refused' in found) return refused(found.refused === 'run-not-found' ? 404 : 409, found.refused, found.because);
  const target = findResourceId(found.record.resourceId ?? '');
  if (target === undefined) return refused(409, 'unknown-resource', 'the resource of the run is not covered any more');
  if (await hasTooMany(request, target)) return TOO_MANY;
  const columns = { ...resourceColumns(target), policyId: found.policyId, remediationId: found.remediation.id };
  await record(request, 'operator', { ...columns, reason: 'undo-asked', previousRunId: runId, error: reason });
  await markDirty(context, target, { ...operatorCause(request), request: { action: 'undo', runId } });
  return { result: 'accepted', requestId, message: `the undo of run ${runId} is asked for` };
}

/** Asks for a quarantine to end. */
export async function release(request: ReviewRequest, asked: ReviewBody<'release'>): Promise<ReviewAnswer> {
  const { context, requestId, now } = request;
  const found = await findOpen(context, asked);
  if ('result' in found) return found;
  const { finding, target } = found;
  const { policyId, quarantinedUntil } = finding;
  if (quarantinedUntil === undefined || new Date(quarantinedUntil) <= now)
    return refused(409, 'not-quarantined', 'the finding is not in quarantine');
  if (await hasTooMany(request, target)) return TOO_MANY;
  await record(request, 'operator', {
    ...resourceColumns(target),
    policyId,
    reason: 'release-asked',
    error: asked.reason,
  });
  await markDirty(context, target, { ...operatorCause(request), request: { action: 'release', policyId } });
  return { result: 'accepted', requestId, message: 'the end of the quarantine is asked for' };
}

/** Closes the breaker again, and wakes what it held back; the rest follows at the pace of the cap. */
export async function reset(
  request: ReviewRequest,
  { breaker: guard, reason }: ReviewBody<'reset'>,
): Promise<ReviewAnswer> {
  const { context, requestId } = request;
  const [type = '', id = ''] = guard.split('/');
  const remediation = context.remediations.find((known) => remediationGuard(known.id) === guard);
  const isSubscription =
    type === 'subscription' &&
    /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id) &&
    subscriptionGuard(id) === guard;
  const unknown = refused(404, 'unknown-breaker', 'there is no such breaker, or it has not counted anything yet');
  if (remediation === undefined && !isSubscription) return unknown;
  const column = remediation === undefined ? { subscriptionId: id } : { remediationId: remediation.id };
  await record(request, 'operator', { ...column, reason: 'reset-asked', error: describeReset(guard, reason) });
  if (!(await context.breakers.reset(guard))) return unknown;
  let woken = 0;
  for await (const finding of context.findings.all((error) =>
    context.log.error('a stored row cannot be read', { error: error.message }),
  )) {
    const isOurs =
      remediation === undefined
        ? finding.subscriptionId.toLowerCase() === id
        : finding.policyId === remediation.fixes.id;
    const target = findResourceId(finding.resourceId);
    if (finding.status !== 'open' || !isOurs || target === undefined || finding.reason?.startsWith('breaker-') !== true)
      continue;
    await context.queue.send(formatWorkMessage({ resourceId: target, cause: operatorCause(request) }), 0);
    woken += 1;
  }
  return {
    result: 'accepted',
    requestId,
    message: `breaker ${guard} is reset; ${woken} findings that it held back are looked at again`,
  };
}

/** Most requests that may wait for one resource: its row holds so many causes that none of them is dropped. */
const MAX_WAITING = 8;
const TOO_MANY = refused(
  409,
  'too-many-requests',
  `${MAX_WAITING} requests wait for this resource already: see what comes of them first`,
);

async function hasTooMany({ context }: ReviewRequest, target: ResourceId): Promise<boolean> {
  const row = await context.work.get(target);
  const waiting = row?.item.pending.filter(({ request }) => request !== undefined) ?? [];
  return waiting.length >= MAX_WAITING;
}

function describeReset(guard: string, reason: string | undefined): string {
  return reason === undefined || reason === '' ? guard : `${guard}: ${reason}`;
}
