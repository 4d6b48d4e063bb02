import { app, type HttpRequest, type HttpResponseInit, type InvocationContext } from '@azure/functions';
import { createContext } from '../app.ts';
import { acceptEvents } from '../engine/accept.ts';
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

async function acceptOrGiveUp(context: EngineContext, message: unknown): Promise<void> {
  try {
    await acceptEvents(context, message, INTAKE);
  } catch (error) {
    if (isOutage(error)) throw error;
    await giveUp(context, INTAKE, message, error instanceof Error ? error.message : String(error));
  }
}

/** The same by HTTP: for a Logic App of a workflow automation, and for whoever has an alert as the REST API returns it. */
export function registerDefenderAlertsHttp(name: string): void {
  app.http(name, { methods: ['POST'], authLevel: 'function', route: 'defender/alerts', handler: handleRequest });
}

async function handleRequest(request: HttpRequest, invocation: InvocationContext): Promise<HttpResponseInit> {
  const body = await readJson(request, MAX_BODY);
  if ('status' in body) return body;
  const log = functionLog(invocation);
  try {
    const accepted = await acceptEvents(createContext(log), body.value, INTAKE);
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

function isOutage(error: unknown): error is Error {
  return isDockwardenError(error, 'STORAGE_UNAVAILABLE') || isDockwardenError(error, 'CONFIG_MISSING');
}
