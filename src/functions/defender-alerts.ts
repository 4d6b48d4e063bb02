import { app, type HttpRequest, type HttpResponseInit, type InvocationContext } from '@azure/functions';
import { createContext } from '../app.ts';
import { type Accepted, acceptEvents } from '../engine/accept.ts';
import { recordInput } from '../engine/input-rows.ts';
import { giveUp } from '../engine/poison.ts';
import type { EngineContext } from '../engine/ports.ts';
import { isDockwardenError } from '../errors.ts';
import { functionLog } from './function-log.ts';
import { answer, readJson } from './http-json.ts';

/** The queue that such messages would stand in, had they come by one: it names what is kept of them. */
const INTAKE = 'defender-alerts';
/** Longest body, in bytes: as much as one message of an Event Hub may hold. */
const MAX_BODY = 1_048_576;
const RETRY_AFTER_SECONDS = 30;
const ROUTE = 'defender/alerts';

/**
 * The continuous export of Microsoft Defender for Cloud, by an Event Hub. The hub's reader moves on whether the function fails or not, so what
 * nobody can handle is kept, and an outage of storage is waited for.
 */
export function registerDefenderAlerts(name: string): void {
  app.eventHub(name, {
    connection: 'DefenderEventHub',
    eventHubName: '%DEFENDER_EVENT_HUB%',
    cardinality: 'many',
    retry: {
      strategy: 'exponentialBackoff',
      // Only an outage of storage gets here, and then nothing else can be done either.
      maxRetryCount: -1,
      minimumInterval: { seconds: 5 },
      maximumInterval: { minutes: 5 },
    },
    async handler(messages: unknown, invocation: InvocationContext) {
      await acceptBatch(createContext(functionLog(invocation)), Array.isArray(messages) ? messages : [messages]);
    },
  });
}

/** Each on its own. Throws when one of them can be neither taken in nor given up; what the others led to is not done twice. */
async function acceptBatch(context: EngineContext, messages: readonly unknown[]): Promise<void> {
  let failure: { readonly error: unknown } | undefined;
  for (const message of messages) {
    try {
      await acceptOrGiveUp(context, message);
    } catch (error) {
      failure = { error };
    }
  }
  if (failure !== undefined) throw failure.error;
}

/** Undefined = it is given up. */
async function acceptOrGiveUp(context: EngineContext, message: unknown): Promise<Accepted | undefined> {
  try {
    return await acceptEvents(context, message, INTAKE);
  } catch (error) {
    if (isOutage(error)) throw error;
    await giveUp(context, INTAKE, message, error instanceof Error ? error.message : String(error));
    return undefined;
  }
}

/** The same by HTTP: for a Logic App of a workflow automation, and for whoever has an alert as the REST API returns it. */
export function registerDefenderAlertsHttp(name: string): void {
  app.http(name, { methods: ['POST'], authLevel: 'function', route: ROUTE, handler: handleRequest });
}

async function handleRequest(request: HttpRequest, invocation: InvocationContext): Promise<HttpResponseInit> {
  const log = functionLog(invocation);
  const context = createContext(log);
  const body = await readJson(request, MAX_BODY);
  try {
    if ('status' in body) {
      await recordRefusal(context, body.status);
      return body;
    }
    const accepted = await acceptOrGiveUp(context, body.value);
    if (accepted === undefined)
      return answer(500, {
        code: 'internal-error',
        message: 'It could not be handled, and is kept. The audit says why.',
      });
    // What is invalid is on record, and sending it again helps nobody.
    return answer(202, { ...accepted });
  } catch (error) {
    log.error('alerts cannot be taken in', { error: error instanceof Error ? error.message : String(error) });
    if (!isOutage(error))
      return answer(500, { code: 'internal-error', message: 'The request failed. The log of the app says why.' });
    const unavailable = answer(503, {
      code: 'storage-unavailable',
      message: 'Not everything was taken in. Send it all again later: nothing is followed twice.',
    });
    return { ...unavailable, headers: { ...unavailable.headers, 'retry-after': String(RETRY_AFTER_SECONDS) } };
  }
}

/** The sender knows why it was refused; so that others do as well, there is a row, once a day for each kind of refusal. */
async function recordRefusal(context: EngineContext, status: number): Promise<void> {
  const detail = `a request to ${ROUTE} was refused with ${status}`;
  context.log.warn('alerts refused', { status });
  const reason = status === 413 ? 'too-large' : 'not-json';
  await recordInput(context, { reason, subject: detail, causeKind: 'alert', detail });
}

function isOutage(error: unknown): error is Error {
  return isDockwardenError(error, 'STORAGE_UNAVAILABLE') || isDockwardenError(error, 'CONFIG_MISSING');
}
