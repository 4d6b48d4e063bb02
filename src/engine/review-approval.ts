import type { ReviewBody } from '../events/review-body.ts';
import { formatWorkMessage } from '../events/work-message.ts';
import { evidenceHash } from '../findings/finding-id.ts';
import type { Approval } from '../guards/approvals.ts';
import { nextOpening } from '../settings/maintenance-window.ts';
import { markDirty } from './accept.ts';
import { resourceColumns } from './audit-rows.ts';
import type { EngineContext } from './ports.ts';
import {
  findOpen,
  operatorCause,
  type Refused,
  type ReviewAnswer,
  type ReviewRequest,
  record,
  refused,
} from './review-request.ts';

/** When an answer is looked at even if whoever stored it died right afterwards, in milliseconds. */
const LATE_LOOK = 30_000;

/** Approves or rejects what a finding waits for; an approval that waits for its moment can be taken back by a rejection. */
export async function answerFinding(
  request: ReviewRequest,
  action: 'approve' | 'reject',
  asked: Omit<ReviewBody<'approve'>, 'comment'>,
  comment: string | undefined,
): Promise<ReviewAnswer> {
  const { context, operator, now, requestId } = request;
  const found = await findOpen(context, asked);
  if ('result' in found) return found;
  const { finding, target } = found;
  const stored = await context.approvals.get(target, finding.policyId);
  const previous = stored?.approval;
  const isWithdrawn = action === 'reject' && (previous?.state === 'granted' || previous?.state === 'pending');
  if (finding.decision !== 'await-approval' && !isWithdrawn) {
    const state = `it is decided as ${finding.decision ?? 'nothing'} (${finding.reason ?? 'no reason'})`;
    return refused(409, 'not-awaiting-approval', `the finding does not wait for an approval: ${state}`);
  }
  if (evidenceHash(finding) !== asked.evidence)
    return refused(409, 'drifted', 'the finding has changed since it was looked at: look again');
  const answer = action === 'approve' ? agree(request, previous, asked.evidence) : { state: 'rejected' as const };
  if ('result' in answer) {
    // Whoever approved it may have seen an error instead of an answer, and asks again because nothing happens.
    if (answer.code === 'already-approved') await markDirty(context, target, operatorCause(request));
    return answer;
  }
  const approval: Approval = {
    requestId,
    resourceId: target.id,
    policyId: finding.policyId,
    evidence: asked.evidence,
    by: operator.id,
    byType: operator.type,
    at: now.toISOString(),
    expires: validUntil(context, finding.policyId, now).toISOString(),
    ...(comment !== undefined && comment !== '' && { comment }),
    ...answer,
  };
  await record(request, 'approval', {
    ...resourceColumns(target),
    policyId: finding.policyId,
    reason: approval.state,
    ...(finding.evidence !== undefined && { evidence: finding.evidence }),
    error: comment,
  });
  // On its way before the answer is stored: no answer waits for a look that nobody asked for. The look itself is the same cause.
  const cause = operatorCause(request);
  await context.queue.send(formatWorkMessage({ resourceId: target, cause }), LATE_LOOK);
  if (!(await context.approvals.put(target, approval, stored?.etag)))
    return refused(409, 'changed-meanwhile', 'somebody else has answered at the same moment: look again');
  await markDirty(context, target, cause);
  return { result: 'accepted', requestId, message: describeAnswer(approval) };
}

function describeAnswer({ state, expires }: Approval): string {
  if (state === 'granted') return `approved until ${expires}`;
  return state === 'pending' ? 'approved; a second person has to agree' : 'rejected';
}

/** The state that one more "yes" leads to. */
function agree(
  { context, operator, now }: ReviewRequest,
  previous: Approval | undefined,
  hash: string,
): Pick<Approval, 'state'> | Pick<Approval, 'state' | 'by' | 'byType' | 'secondBy'> | Refused {
  const current = previous?.evidence === hash && new Date(previous.expires) > now ? previous : undefined;
  const { persons } = context.settings.safety.approvals;
  if (current?.state === 'granted' && (persons === 1 || current.secondBy !== undefined))
    return refused(409, 'already-approved', `${current.by} has approved it already: it is looked at again`);
  if (persons === 1) return { state: 'granted' };
  if (operator.type !== 'User')
    return refused(
      409,
      'person-required',
      'two people have to approve, each signed in: keys and applications do not count',
    );
  const isAgreed = current?.state === 'pending' || current?.state === 'granted';
  if (!isAgreed || current.byType !== 'User') return { state: 'pending' };
  if (current.by === operator.id)
    return refused(409, 'second-person-required', 'you have approved it already: somebody else has to agree');
  return { state: 'granted', by: current.by, byType: current.byType, secondBy: operator.id };
}

/** An approval has to outlast the wait for the maintenance window. */
function validUntil({ settings, remediations }: EngineContext, policyId: string, now: Date): Date {
  const remediation = remediations.find(({ fixes }) => fixes.id === policyId);
  const window = remediation === undefined ? undefined : settings.windowOf(remediation.id);
  const opening = nextOpening(now, window, settings.safety.freezes);
  const start = opening.isOpen ? now : (opening.opensAt ?? now);
  return new Date(start.getTime() + settings.safety.approvals.validMs);
}
