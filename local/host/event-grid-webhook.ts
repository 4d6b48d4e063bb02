import * as z from 'zod';
import type { HostedFunction } from './hosted-function.ts';
import { answerJson, type HostAnswer, type HostRequest, readHeader } from './http-answer.ts';
import type { TriggerInput } from './invocation.ts';

export interface EventGridWebhook {
  find(functionName: string): HostedFunction | undefined;
  invoke(hosted: HostedFunction, input: TriggerInput): Promise<unknown>;
}

const Event = z.record(z.string(), z.unknown());
const Events = z.union([Event.transform((event) => [event]), z.array(Event)]);
const ValidationData = z.object({ validationCode: z.string() });

/**
 * `/runtime/webhooks/eventgrid?functionName=X`: validation, notification and unsubscription as the Event Grid
 * extension answers them. All events of one request run in parallel; one failure fails the request, so that Event
 * Grid sends the whole batch again.
 */
export async function answerEventGrid(webhook: EventGridWebhook, request: HostRequest): Promise<HostAnswer> {
  const functionName = request.url.searchParams.get('functionName') ?? '';
  const hosted = webhook.find(functionName);
  if (hosted === undefined) return { status: 404, body: `cannot find function: '${functionName}'` };
  if (request.method === 'OPTIONS') {
    const origin = readHeader(request, 'webhook-request-origin') ?? '*';
    return { status: 200, headers: { 'Webhook-Allowed-Origin': origin } };
  }
  switch (readHeader(request, 'aeg-event-type')?.toLowerCase() ?? '') {
    case 'subscriptionvalidation':
      return answerValidation(request.body);
    case 'notification':
      return await answerNotification(webhook, hosted, request.body);
    case 'unsubscribe':
      return { status: 202 };
    default:
      return { status: 400 };
  }
}

/** One event as trigger input: indented JSON, with its `data` as metadata. */
export function createEventGridInput(event: Readonly<Record<string, unknown>>): TriggerInput {
  return { data: { string: JSON.stringify(event, null, 2) }, metadata: { data: event['data'] } };
}

function answerValidation(body: Buffer): HostAnswer {
  const [event] = Events.parse(JSON.parse(body.toString()));
  // In CloudEvents form the data is JSON in a string.
  const data = typeof event?.['data'] === 'string' ? JSON.parse(event['data']) : event?.['data'];
  return answerJson(200, { validationResponse: ValidationData.parse(data).validationCode });
}

async function answerNotification(
  webhook: EventGridWebhook,
  hosted: HostedFunction,
  body: Buffer,
): Promise<HostAnswer> {
  const events = Events.parse(JSON.parse(body.toString()));
  const results = await Promise.allSettled(
    events.map(async (event) => await webhook.invoke(hosted, createEventGridInput(event))),
  );
  const failure = results.find((result) => result.status === 'rejected');
  if (failure === undefined) return { status: 202 };
  const reason = failure.reason instanceof Error ? failure.reason.message : String(failure.reason);
  return { status: 500, body: `Exception while executing function: Functions.${hosted.name} ${reason}` };
}
