import {
  type AuditKey,
  type AuditLog,
  type AuditRecord,
  auditKey,
  auditStages,
  findAuditKey,
  runStart,
} from '../audit/audit-log.ts';
import { isDockwardenError } from '../errors.ts';
import { type Cause, RUN_ID } from '../events/cause.ts';
import { type FoundCause, type IgnoredInput, type InvalidInput, ignored } from '../events/parsed.ts';
import type { ReviewBody } from '../events/review-body.ts';
import { findResourceId, type ResourceId } from '../resources/resource-id.ts';
import { isKnownCause } from '../work/work-items.ts';
import { acceptEvents, markDirty, readMessage } from './accept.ts';
import { resourceColumns } from './audit-rows.ts';
import { foretellCause } from './heard-alert.ts';
import { observeResource } from './observed-look.ts';
import type { EngineContext } from './ports.ts';
import { operatorCause, type ReviewAnswer, type ReviewRequest, record, refused } from './review-request.ts';

/** What is asked for, whatever is replayed. */
interface Wish {
  /** Nothing is to be changed. */
  readonly observe: boolean;
  readonly reason: string | undefined;
}

/** Looks again at what an audit row or an event is about: as it would be looked at (`observe`), or really. */
export async function replay(
  request: ReviewRequest,
  { auditKey: id, message, observe, reason }: ReviewBody<'replay'>,
): Promise<ReviewAnswer> {
  const wish = { observe, reason };
  return id === undefined ? await replayElement(request, message, wish) : await replayRow(request, id, wish);
}

/**
 * The audit row with this row key, or the one that says most about this run (or other row that has an id of its own). Rejects with
 * `INPUT_INVALID_ROW` when the row cannot be read.
 */
export async function findReplayed(audit: AuditLog, id: string): Promise<(AuditRecord & AuditKey) | undefined> {
  const key = findAuditKey(id);
  const keys = key === undefined ? keysOf(id.toUpperCase()) : [key];
  for (const each of keys) {
    const found = await audit.find(each);
    if (found !== undefined) return { ...found, ...each };
  }
  return undefined;
}

/** Where the rows of a run are, the outcome first. */
function keysOf(runId: string): readonly AuditKey[] {
  if (!RUN_ID.test(runId)) return [];
  const stages = ['outcome' as const, ...auditStages.filter((stage) => stage !== 'outcome')];
  return stages.map((stage) => auditKey(runStart(runId), runId, stage));
}

async function replayRow(request: ReviewRequest, id: string, wish: Wish): Promise<ReviewAnswer> {
  const { context } = request;
  let row: (AuditRecord & AuditKey) | undefined;
  try {
    row = await findReplayed(context.audit, id);
  } catch (error) {
    if (!isDockwardenError(error, 'INPUT_INVALID_ROW')) throw error;
    return refused(409, 'row-unreadable', error.message);
  }
  if (row === undefined) return refused(404, 'unknown-audit-row', 'there is no audit row with this row key or run id');
  if (row.resourceId === undefined)
    return refused(409, 'row-without-resource', `row ${row.rowKey} is about no resource`);
  const target = findResourceId(row.resourceId);
  if (target === undefined)
    return refused(409, 'resource-not-covered', `the resource of row ${row.rowKey} is of a type that is not covered`);
  const { remediationRunId, policyId, correlationId, causeId = 'unknown' } = row;
  const columns = {
    ...resourceColumns(target),
    ...(policyId !== undefined && { policyId }),
    ...(remediationRunId !== undefined && { previousRunId: remediationRunId }),
    ...(correlationId !== undefined && { correlationId }),
  };
  await recordWish(request, wish, `row ${row.rowKey}, cause ${causeId}`, columns);
  if (wish.observe) return await answerObserved(request, target, { cause: operatorCause(request) });
  const details = { resourceId: target.id, causeId: request.requestId, present: await listPresent(request, target) };
  await markDirty(context, target, operatorCause(request));
  return { result: 'accepted', requestId: request.requestId, message: `${target.name} is looked at again`, details };
}

async function replayElement(request: ReviewRequest, message: unknown, wish: Wish): Promise<ReviewAnswer> {
  const { context, requestId } = request;
  const [event, ...others] = readMessage(context, message);
  if (event === undefined || others.length > 0)
    return refused(400, 'invalid-request', 'check message: it has to be one event');
  const columns = event.result === 'cause' ? resourceColumns(event.resourceId) : {};
  await recordWish(request, wish, describeEvent(event), columns);
  if (event.result !== 'cause') {
    // The real intake puts it on record, too, and keeps what nobody can read.
    if (event.result === 'invalid' && !wish.observe) await acceptEvents(context, message);
    return answerUntaken(request, event);
  }
  const { resourceId: target } = event;
  const { cause, saved } = await foretellCause(context, event);
  const untaken = ignored(saved === 'unheard' ? 'alert-closed' : 'alert-forgotten', cause.id);
  if (wish.observe) {
    const isTaken = saved !== 'unheard' && saved !== 'forgotten';
    return isTaken ? await answerObserved(request, target, event) : answerUntaken(request, untaken);
  }
  const isKnown = await isDone(context, target, cause);
  const details = { resourceId: target.id, causeId: cause.id, isKnown, present: await listPresent(request, target) };
  const { marked } = await acceptEvents(context, message);
  if (marked === 0) return answerUntaken(request, untaken);
  const news = isKnown ? 'was taken in before, and marks nothing' : 'is taken in';
  return { result: 'accepted', requestId, message: `event ${cause.id} about ${target.name} ${news}`, details };
}

/** What leads to nothing. */
function answerUntaken({ requestId }: ReviewRequest, event: InvalidInput | IgnoredInput<string>): ReviewAnswer {
  return { result: 'shown', message: describeEvent(event), details: { requestId, event } };
}

function describeEvent(event: FoundCause | InvalidInput | IgnoredInput<string>): string {
  if (event.result === 'cause') return `event ${event.cause.id}`;
  return `event ${event.eventId ?? 'without id'}, ${event.result}: ${event.reason}`;
}

/** Has this cause been taken in and looked at before? Then it marks nothing. */
async function isDone({ work }: EngineContext, target: ResourceId, { id }: Cause): Promise<boolean> {
  const item = (await work.get(target))?.item;
  return item !== undefined && isKnownCause(item, id) && !item.pending.some((pending) => pending.id === id);
}

async function recordWish(
  request: ReviewRequest,
  { observe: isObserved, reason = '' }: Wish,
  what: string,
  columns: Partial<AuditRecord>,
): Promise<void> {
  const { error: _none, ...others } = columns;
  await record(request, 'operator', {
    ...others,
    reason: isObserved ? 'replay-observed' : 'replay-asked',
    error: reason === '' ? what : `${what}: ${reason}`,
  });
}

/** What is on record about the resource before anything comes of the request. */
async function listPresent({ context }: ReviewRequest, target: ResourceId) {
  const findings = await context.findings.ofResource(target);
  return findings.map(({ item: { policyId, verdict, evidence, decision, reason } }) => ({
    policyId,
    verdict,
    ...(evidence !== undefined && { evidence }),
    ...(decision !== undefined && { decision }),
    ...(reason !== undefined && { reason }),
  }));
}

async function answerObserved(
  request: ReviewRequest,
  target: ResourceId,
  found: Pick<FoundCause, 'alert' | 'cause'>,
): Promise<ReviewAnswer> {
  const { context, requestId } = request;
  try {
    const present = await listPresent(request, target);
    const policies = await observeResource(context, target, found);
    const message = `${target.name} is judged, and nothing is changed`;
    return { result: 'shown', message, details: { requestId, resourceId: target.id, policies, present } };
  } catch (error) {
    if (!isDockwardenError(error) || !error.code.startsWith('AZURE_')) throw error;
    const code = error.code === 'AZURE_NOT_FOUND' ? 'resource-not-found' : 'resource-unreadable';
    return refused(409, code, `${target.name} cannot be judged: ${error.message}`);
  }
}
