import { app, type HttpRequest, type HttpResponseInit, type InvocationContext } from '@azure/functions';
import { openContext, readEnvironment } from '../app.ts';
import type { EngineContext } from '../engine/ports.ts';
import { type ReviewAction, review, reviewActions } from '../engine/review.ts';
import { isDockwardenError } from '../errors.ts';
import { functionLog } from './function-log.ts';
import { answer, readJson } from './http-json.ts';
import { readOperator } from './operator.ts';

/** Longest body, in bytes; the largest request that makes sense is far smaller. */
const MAX_BODY = 65_536;
/** An event has up to 1 MB. */
const MAX_REPLAY = 1_114_112;
const RETRY_AFTER_SECONDS = 30;

/** Takes what operators ask for. What they may ask, and whether it is done, is the engine's business. */
export function registerReview(name: string): void {
  app.http(name, { methods: ['POST'], authLevel: 'function', route: 'review/{action}', handler: handle });
}

async function handle(request: HttpRequest, invocation: InvocationContext): Promise<HttpResponseInit> {
  const log = functionLog(invocation);
  try {
    return await answerRequest(request, await openContext(log));
  } catch (error) {
    if (isDockwardenError(error, 'STORAGE_UNAVAILABLE') || isDockwardenError(error, 'CONFIG_MISSING')) {
      log.error('storage cannot be used', { error: error.message });
      const code = error.code === 'CONFIG_MISSING' ? 'storage-not-configured' : 'storage-unavailable';
      const body = answer(503, { code, message: 'The storage of the app cannot be used now. Ask again later.' });
      return { ...body, headers: { ...body.headers, 'retry-after': String(RETRY_AFTER_SECONDS) } };
    }
    log.error('the request failed', { error: error instanceof Error ? error.message : String(error) });
    return answer(500, { code: 'internal-error', message: 'The request failed. The log of the app says why.' });
  }
}

async function answerRequest(request: HttpRequest, context: EngineContext): Promise<HttpResponseInit> {
  const { settings, log } = context;
  const identity = await readOperator(request, {
    isAuthenticationOn: readEnvironment()['WEBSITE_AUTH_ENABLED']?.toLowerCase() === 'true',
    keyNames: settings.reviewKeyNames,
    actorNames: settings.actorNames,
  });
  if (!identity.known) {
    const { status, code, message } = identity;
    log.warn('an operator cannot be identified', { code });
    return answer(status, { code, message });
  }
  const action = reviewActions.find((known) => known === request.params['action']);
  if (action === undefined) {
    return answer(404, { code: 'unknown-action', message: `The actions are ${reviewActions.join(', ')}.` });
  }
  const body = await readBody(request, action === 'replay' ? MAX_REPLAY : MAX_BODY);
  return 'status' in body ? body : await ask(context, identity.operator, action, body.value);
}

async function ask(
  context: EngineContext,
  operator: Parameters<typeof review>[1],
  action: ReviewAction,
  body: unknown,
): Promise<HttpResponseInit> {
  const given = await review(context, operator, action, body);
  switch (given.result) {
    case 'accepted':
      return answer(202, { requestId: given.requestId, message: given.message, ...given.details });
    case 'shown':
      return answer(200, { message: given.message, ...given.details });
    case 'refused':
      return answer(given.status, { code: given.code, message: given.message });
  }
}

/** The JSON object in the body, or the answer that refuses it. */
async function readBody(
  request: HttpRequest,
  maxBytes: number,
): Promise<{ readonly value: object } | (HttpResponseInit & { readonly status: number })> {
  const body = await readJson(request, maxBytes);
  if ('status' in body) return body;
  const { value } = body;
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { value };
  return answer(400, { code: 'not-json', message: 'The body is not a JSON object in UTF-8.' });
}
