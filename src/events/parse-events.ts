import * as z from 'zod';
import { lenient, lenientObject } from '../resources/lenient.ts';
import { isRootId, mentionsCoveredType } from '../resources/resource-id.ts';
import { isOwnWrite, type OwnIdentity, readActor, Writer } from './actor.ts';
import type { Cause } from './cause.ts';
import { type Envelope, readEnvelope } from './envelope.ts';
import { readTime } from './event-time.ts';
import { findTarget } from './find-target.ts';
import { readNotification } from './notifications.ts';
import { type FoundCause, type IgnoredInput, type InvalidInput, ignored, invalid, missing } from './parsed.ts';

/** Why an event needs no look at any resource. */
export type IgnoredReason =
  | 'own-write'
  | 'event-type-not-covered'
  | 'operation-not-effective'
  | 'operation-not-relevant'
  | 'resource-type-not-covered';

/** One element of a message: a resource to look at, or the reason why not. */
export type ParsedEvent = FoundCause | IgnoredInput<IgnoredReason> | InvalidInput;

export interface ParseEventsOptions extends OwnIdentity {
  /** Keep the writer's name (`AUDIT_ACTOR_NAMES=on`). */
  readonly actorNames: boolean;
  /** Does a policy judge images? Without one, what is pushed to a registry is of no interest. */
  readonly isImageWatched?: boolean;
}

const ResourceData = lenientObject({
  resourceUri: lenient(z.string().min(1)),
  operationName: lenient(z.string().regex(/^[\w./-]{1,256}$/)),
  correlationId: lenient(z.string().regex(/^[\w-]{1,64}$/)),
});

const ARM_EVENT = /^microsoft\.resources\.resource(write|delete|action)(success|failure|cancel)$/;
/** Verbs of actions that only read: they raise events because they are POSTs. `regenerateCredential` is none of them. */
const READ_LIKE = /\/(?:list|get|check|validate)[a-z]*\/action$/;
/** Those among them that hand out a credential: worth knowing, once it is known to be abused. */
const EXPOSURES = new Set([
  'microsoft.containerregistry/registries/listcredentials/action',
  'microsoft.containerservice/managedclusters/listclusteradmincredential/action',
]);

/**
 * One event in Event Grid's schema or CloudEvents 1.0. Undefined = neither: it may be something else. Never throws, and calls nothing.
 */
export function parseEvent(element: unknown, options: ParseEventsOptions): ParsedEvent | undefined {
  const read = readEnvelope(element);
  if (!read.ok) return read.reason === 'unknown-envelope' ? undefined : invalid(read.reason, OTHER_VERSION);
  const { envelope } = read;
  const writer = Writer.parse(envelope.data);
  if (isOwnWrite(writer, options)) return ignored('own-write', envelope.id);
  const arm = ARM_EVENT.exec(envelope.type.toLowerCase());
  if (arm === null) return parseNotification(envelope, options);
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
  const operation = operationName.toLowerCase();
  const isExposure = EXPOSURES.has(operation);
  if (READ_LIKE.test(operation) && !isExposure) return ignored('operation-not-relevant', eventId);
  const target = findTarget(resourceUri, eventId);
  if ('result' in target) return target;
  if (eventId === undefined) return missing('id', eventId);
  const time = readTime(envelope.time);
  if (time === undefined) return missing('eventTime', eventId);
  const actor = readActor(writer, actorNames);
  const cause: Cause = {
    // Whoever reads a credential has changed nothing.
    kind: isExposure ? 'notification' : 'event',
    id: eventId,
    time,
    operation: operationName,
    ...(actor !== undefined && { actor }),
    ...(correlationId !== undefined && { correlationId }),
    ...(isDelete && isRootId(resourceUri, target) && { deleted: true }),
  };
  return { result: 'cause', resourceId: target, cause };
}

/** Events of other services: only what they are about is taken from them, never what they say about it. */
function parseNotification(envelope: Envelope, { isImageWatched }: ParseEventsOptions): ParsedEvent {
  const { id: eventId, type } = envelope;
  const notification = readNotification(envelope, isImageWatched === true);
  if (notification === undefined) return ignored('event-type-not-covered', eventId);
  const { resourceId, isDeletion } = notification;
  if (resourceId === undefined) {
    const isOfVault = type.toLowerCase().startsWith('microsoft.keyvault.');
    return isOfVault ? missing('ObjectName', eventId) : missing('resourceUri', eventId);
  }
  const target = findTarget(resourceId, eventId);
  if ('result' in target) return target;
  if (eventId === undefined) return missing('id', eventId);
  const time = readTime(notification.time) ?? readTime(envelope.time);
  if (time === undefined) return missing('eventTime', eventId);
  const cause: Cause = {
    kind: 'notification',
    id: eventId,
    time,
    operation: type.trim(),
    ...(isDeletion === true && isRootId(resourceId, target) && { deleted: true }),
  };
  return { result: 'cause', resourceId: target, cause };
}

const OTHER_VERSION = 'a CloudEvent, but not of version 1.0';
