import * as z from 'zod';
import { isDockwardenError } from '../errors.ts';
import { lenient, lenientObject } from '../resources/lenient.ts';
import { isRootId, mentionsCoveredType, parseResourceId, type ResourceId } from '../resources/resource-id.ts';
import { isOwnWrite, type OwnIdentity, readActor, Writer } from './actor.ts';
import type { Cause } from './cause.ts';
import { decodeMessage } from './decode-message.ts';
import { type Envelope, readEnvelope } from './envelope.ts';
import { readTime } from './event-time.ts';

/** Why an event needs no look at any resource. */
export type IgnoredReason =
  | 'own-write'
  | 'event-type-not-covered'
  | 'operation-not-effective'
  | 'operation-not-relevant'
  | 'resource-type-not-covered';

/** Why an input cannot be understood; it is recorded and never retried. */
export type InvalidReason =
  | 'not-json'
  | 'too-large'
  | 'unknown-envelope'
  | 'unsupported-specversion'
  | 'invalid-resource-id'
  | `missing-field:${'id' | 'eventTime' | 'operationName' | 'resourceUri'}`;

interface IgnoredEvent {
  readonly result: 'ignored';
  readonly reason: IgnoredReason;
  readonly eventId?: string;
}

interface InvalidEvent {
  readonly result: 'invalid';
  readonly reason: InvalidReason;
  /** For people, at most 200 characters: never a claim, a secret or the message itself. */
  readonly detail: string;
  readonly eventId?: string;
}

/** One element of a message: a resource to look at, or the reason why not. */
export type ParsedEvent =
  | { readonly result: 'cause'; readonly resourceId: ResourceId; readonly cause: Cause }
  | IgnoredEvent
  | InvalidEvent;

export interface ParseEventsOptions extends OwnIdentity {
  /** Keep the writer's name (`AUDIT_ACTOR_NAMES=on`). */
  readonly actorNames: boolean;
}

const ResourceData = lenientObject({
  resourceUri: lenient(z.string().min(1)),
  operationName: lenient(z.string().regex(/^[\w./-]{1,256}$/)),
  correlationId: lenient(z.string().regex(/^[\w-]{1,64}$/)),
});

const ARM_EVENT = /^microsoft\.resources\.resource(write|delete|action)(success|failure|cancel)$/;
/** Verbs of actions that only read: they raise events because they are POSTs. `regenerateCredential` is none of them. */
const READ_LIKE = /\/(?:list|get|check|validate)[a-z]*\/action$/;
const MAX_DETAIL = 200;

/**
 * Turns whatever arrived into causes. Accepts an object, an array, text that is JSON or base64 of JSON, or bytes, in Event Grid's schema
 * or CloudEvents 1.0. Never throws, calls nothing, and judges every element on its own, so that a bad one takes no other along.
 */
export function parseEvents(message: unknown, options: ParseEventsOptions): readonly ParsedEvent[] {
  const decoded = decodeMessage(message);
  if (!decoded.ok) return [invalid(decoded.reason, decoded.detail)];
  const elements: readonly unknown[] = Array.isArray(decoded.value) ? decoded.value : [decoded.value];
  return elements.map((element) => parseEvent(element, options));
}

function parseEvent(element: unknown, options: ParseEventsOptions): ParsedEvent {
  const read = readEnvelope(element);
  if (!read.ok) return invalid(read.reason, ENVELOPE_DETAIL[read.reason]);
  const { envelope } = read;
  const writer = Writer.parse(envelope.data);
  if (isOwnWrite(writer, options)) return ignored('own-write', envelope.id);
  const arm = ARM_EVENT.exec(envelope.type.toLowerCase());
  if (arm === null) return judgeOtherEvent(envelope);
  if (arm[2] !== 'success') return ignored('operation-not-effective', envelope.id);
  return parseArmEvent(envelope, writer, { isDelete: arm[1] === 'delete', actorNames: options.actorNames });
}

function parseArmEvent(
  envelope: Envelope,
  writer: Writer,
  { isDelete, actorNames }: { readonly isDelete: boolean; readonly actorNames: boolean },
): ParsedEvent {
  const { id: eventId } = envelope;
  const { resourceUri = envelope.subject, operationName, correlationId } = ResourceData.parse(envelope.data);
  if (resourceUri === undefined) return missing('resourceUri', eventId);
  // Whose resource it is comes first: what somebody does to a foreign one needs no judging, however odd the event.
  if (!mentionsCoveredType(resourceUri)) return ignored('resource-type-not-covered', eventId);
  if (operationName === undefined) return missing('operationName', eventId);
  if (READ_LIKE.test(operationName.toLowerCase())) return ignored('operation-not-relevant', eventId);
  const target = findTarget(resourceUri, eventId);
  if ('result' in target) return target;
  if (eventId === undefined) return missing('id', eventId);
  const time = readTime(envelope.time);
  if (time === undefined) return missing('eventTime', eventId);
  const actor = readActor(writer, actorNames);
  const cause: Cause = {
    kind: 'event',
    id: eventId,
    time,
    operation: operationName,
    ...(actor !== undefined && { actor }),
    ...(correlationId !== undefined && { correlationId }),
    ...(isDelete && isRootId(resourceUri, target) && { deleted: true }),
  };
  return { result: 'cause', resourceId: target, cause };
}

/**
 * Events that no policy listens to yet. Those that are about one resource are still judged by its id, so that the reason on record
 * says whether the resource or only the kind of event is out of scope.
 */
function judgeOtherEvent(envelope: Envelope): ParsedEvent {
  const type = envelope.type.toLowerCase();
  const known = ABOUT_A_RESOURCE.find(({ prefix }) => type.startsWith(prefix));
  const id = known && envelope[known.resource];
  if (id === undefined) return ignored('event-type-not-covered', envelope.id);
  const target = findTarget(id, envelope.id);
  return 'result' in target ? target : ignored('event-type-not-covered', envelope.id);
}

const ABOUT_A_RESOURCE = [
  { prefix: 'microsoft.resourcenotifications.resources.', resource: 'subject' },
  { prefix: 'microsoft.resourcenotifications.containerserviceeventresources.', resource: 'subject' },
  { prefix: 'microsoft.policyinsights.policystate', resource: 'subject' },
  { prefix: 'microsoft.containerservice.', resource: 'source' },
] as const;

function findTarget(id: string, eventId: string | undefined): ResourceId | IgnoredEvent | InvalidEvent {
  if (!mentionsCoveredType(id)) return ignored('resource-type-not-covered', eventId);
  try {
    return parseResourceId(id);
  } catch (error) {
    if (!isDockwardenError(error, 'INPUT_INVALID_RESOURCE_ID')) throw error;
    return invalid('invalid-resource-id', error.message, eventId);
  }
}

const ENVELOPE_DETAIL = {
  'unknown-envelope': 'neither an Event Grid event nor a CloudEvent',
  'unsupported-specversion': 'a CloudEvent, but not of version 1.0',
} as const;

function missing(
  field: 'id' | 'eventTime' | 'operationName' | 'resourceUri',
  eventId: string | undefined,
): InvalidEvent {
  return invalid(`missing-field:${field}`, `${field} is missing or not valid`, eventId);
}

function ignored(reason: IgnoredReason, eventId?: string): IgnoredEvent {
  return { result: 'ignored', reason, ...(eventId !== undefined && { eventId }) };
}

function invalid(reason: InvalidReason, detail: string, eventId?: string): InvalidEvent {
  const short = detail.slice(0, MAX_DETAIL).toWellFormed();
  return { result: 'invalid', reason, detail: short, ...(eventId !== undefined && { eventId }) };
}
