import * as z from 'zod';
import { createEventGridInput } from './event-grid-webhook.ts';
import { createEventHubBatch, createEventHubSingle, isBatched, type ReceivedEvent } from './event-hub-input.ts';
import { type HostedFunction, readOption } from './hosted-function.ts';
import { answerJson, type HostAnswer, type HostRequest } from './http-answer.ts';
import type { TriggerInput } from './invocation.ts';
import { describeError } from './log.ts';
import { parseSchedule } from './ncrontab.ts';
import { createFreshStatus, createTimerInput } from './timer-listener.ts';

export interface AdminTarget {
  readonly functions: readonly HostedFunction[];
  /** What the entry threw, if it did. */
  readonly loadError: unknown;
  readonly hostVersion: string;
  /** Starts the function and does not wait for it. */
  run(hosted: HostedFunction, input: TriggerInput): void;
}

/** Events of a start by hand come from no hub. */
const MANUAL_PARTITION = { fullyQualifiedNamespace: '', eventHubName: '', consumerGroup: '$Default', partitionId: '0' };

const AdminInput = z.object({ input: z.unknown().optional() });

/** `GET /admin/host/status`, `GET /admin/functions[/{name}[/status]]`, `POST /admin/functions/{name}`. */
export function answerAdmin(target: AdminTarget, request: HostRequest): HostAnswer {
  const path = request.url.pathname.toLowerCase();
  if (path === '/admin/host/status') return answerJson(200, describeHost(target));
  if (path === '/admin/functions') return answerJson(200, target.functions.map(describeFunction));
  const { name } = /^\/admin\/functions\/(?<name>[^/]+)(?:\/status)?$/u.exec(path)?.groups ?? {};
  const hosted = target.functions.find((candidate) => candidate.name.toLowerCase() === name);
  if (hosted === undefined) return { status: 404 };
  if (request.method !== 'POST') return answerJson(200, describeFunction(hosted));
  return runFunction(target, hosted, request.body);
}

function describeHost({ loadError, hostVersion }: AdminTarget) {
  return {
    id: 'local',
    // An entry that throws leaves a running host without functions, in Azure too.
    state: 'Running',
    version: hostVersion,
    processUptime: Math.round(performance.now()),
    ...(loadError !== undefined && { errors: [describeError(loadError)] }),
  };
}

function describeFunction(hosted: HostedFunction) {
  const bindings = Object.entries(hosted.registered.bindings).map(([name, binding]) => ({ ...binding, name }));
  return {
    name: hosted.name,
    isDisabled: hosted.disabled,
    language: 'node',
    config: { name: hosted.name, bindings },
    ...(hosted.error !== undefined && { errors: [hosted.error] }),
  };
}

function runFunction(target: AdminTarget, hosted: HostedFunction, body: Buffer): HostAnswer {
  if (hosted.error !== undefined) return { status: 500, body: hosted.error };
  if (hosted.trigger.type.toLowerCase() === 'httptrigger') return { status: 400, body: 'Call its route instead.' };
  const { input } = AdminInput.parse(body.length > 0 ? JSON.parse(body.toString()) : {});
  const text = typeof input === 'string' ? input : JSON.stringify(input ?? '');
  target.run(hosted, createManualInput(hosted, text));
  return { status: 202 };
}

function createManualInput({ trigger }: HostedFunction, text: string): TriggerInput {
  switch (trigger.type.toLowerCase()) {
    case 'timertrigger': {
      const schedule = parseSchedule(readOption(trigger, 'schedule') ?? '');
      return createTimerInput(createFreshStatus(schedule), false);
    }
    case 'eventgridtrigger':
      return createEventGridInput(z.record(z.string(), z.unknown()).parse(JSON.parse(text)));
    case 'eventhubtrigger':
      return isBatched(trigger)
        ? createManualEvents(text)
        : createEventHubSingle(MANUAL_PARTITION, createManualEvent(text));
    default:
      return { data: { string: text } };
  }
}

/** A JSON array is a batch with one message per element; anything else is a batch of one. */
function createManualEvents(text: string): TriggerInput {
  const parsed = z.array(z.unknown()).safeParse(tryParse(text));
  const bodies = parsed.success
    ? parsed.data.map((message) => (typeof message === 'string' ? message : JSON.stringify(message)))
    : [text];
  return createEventHubBatch(MANUAL_PARTITION, bodies.map(createManualEvent));
}

function createManualEvent(body: string, index = 0): ReceivedEvent {
  const enqueuedTimeUtc = new Date().toISOString();
  return { body, sequenceNumber: index, offset: String(index), enqueuedTimeUtc, properties: {} };
}

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
