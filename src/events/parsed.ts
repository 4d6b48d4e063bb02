import type { DefenderAlert } from '../resources/defender.ts';
import type { ResourceId } from '../resources/resource-id.ts';
import type { Cause } from './cause.ts';

/** A resource to look at, and why. */
export interface FoundCause {
  readonly result: 'cause';
  readonly resourceId: ResourceId;
  readonly cause: Cause;
  /** The alert that is behind it: to be stored first. A closed one matters only if it is known. */
  readonly alert?: Omit<DefenderAlert, 'receivedAt'>;
}

/** What was understood of something that needs no look at any resource. */
export interface IgnoredInput<R extends string> {
  readonly result: 'ignored';
  readonly reason: R;
  readonly eventId?: string;
  /** When it happened, as it says itself; ISO 8601. */
  readonly time?: string;
}

/** Something that cannot be understood; it is recorded and never tried again. */
export interface InvalidInput {
  readonly result: 'invalid';
  readonly reason: InvalidReason;
  /** For people, at most 200 characters: never a claim, a secret or the message itself. */
  readonly detail: string;
  readonly eventId?: string;
  /** When it happened, as it says itself; ISO 8601. */
  readonly time?: string;
}

/** Why an input cannot be understood. */
export type InvalidReason =
  | 'not-json'
  | 'too-large'
  | 'too-deep'
  | 'unknown-envelope'
  | 'unsupported-specversion'
  | 'invalid-resource-id'
  | `missing-field:${MissingField}`;

type MissingField =
  | 'id'
  | 'eventTime'
  | 'operationName'
  | 'resourceUri'
  | 'ObjectName'
  | 'systemAlertId'
  | 'timeGenerated';

const MAX_DETAIL = 200;

export function ignored<R extends string>(reason: R, eventId?: string): IgnoredInput<R> {
  return { result: 'ignored', reason, ...(eventId !== undefined && { eventId }) };
}

export function invalid(reason: InvalidReason, detail: string, eventId?: string): InvalidInput {
  const short = detail.slice(0, MAX_DETAIL).toWellFormed();
  return { result: 'invalid', reason, detail: short, ...(eventId !== undefined && { eventId }) };
}

export function missing(field: MissingField, eventId?: string): InvalidInput {
  return invalid(`missing-field:${field}`, `${field} is missing or not valid`, eventId);
}
