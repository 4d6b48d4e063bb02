import { type ParsedBody, type ReviewAction, reviewBodies } from '../events/review-body.ts';
import { dropMessage, replayMessage } from './kept-messages.ts';
import type { EngineContext } from './ports.ts';
import { replay } from './replay.ts';
import { answerFinding } from './review-approval.ts';
import { release, reset, undo } from './review-operations.ts';
import { type Operator, type ReviewAnswer, type ReviewRequest, record, refused } from './review-request.ts';

export { type ReviewAction, reviewActions } from '../events/review-body.ts';
export type { Operator, ReviewAnswer } from './review-request.ts';

type Handler = (request: ReviewRequest, body: unknown) => Promise<ReviewAnswer>;

const handlers: Readonly<Record<ReviewAction, Handler>> = {
  approve: handler(
    reviewBodies.approve,
    async (request, body) => await answerFinding(request, 'approve', body, body.comment),
  ),
  reject: handler(
    reviewBodies.reject,
    async (request, body) => await answerFinding(request, 'reject', body, body.reason),
  ),
  undo: handler(reviewBodies.undo, undo),
  release: handler(reviewBodies.release, release),
  reset: handler(reviewBodies.reset, reset),
  replay: handler(reviewBodies.replay, replay),
  'message-replay': handler(reviewBodies['message-replay'], replayMessage),
  'message-drop': handler(reviewBodies['message-drop'], dropMessage),
};

/** Takes an operator's request; every one of them, refused or not, is on record before anything happens. */
export async function review(
  context: EngineContext,
  operator: Operator,
  action: ReviewAction,
  body: unknown,
): Promise<ReviewAnswer> {
  const now = context.clock.now();
  const request: ReviewRequest = { context, operator, requestId: context.newRunId(now), now };
  const answer = await handlers[action](request, body);
  if (answer.result === 'refused') {
    const reason = `refused-${answer.code}`;
    await record(request, 'operator', { reason, error: `${action}: ${answer.message}` }, 'refused');
  }
  return answer;
}

function handler<T>(
  read: (body: unknown) => ParsedBody<T>,
  handle: (request: ReviewRequest, body: T) => Promise<ReviewAnswer>,
): Handler {
  return async (request, body) => {
    const parsed = read(body);
    return parsed.ok ? await handle(request, parsed.body) : refused(400, 'invalid-request', parsed.problem);
  };
}
