import * as z from 'zod';
import { DockwardenError } from '../errors.ts';
import { parseResourceId, type ResourceId } from '../resources/resource-id.ts';
import { Cause } from './cause.ts';
import { decodeMessage } from './decode-message.ts';

/** One message of the queue `work`: one resource to reconcile, and why. */
export interface WorkMessage {
  readonly resourceId: ResourceId;
  /** Absent when the causes wait in the resource's own row. */
  readonly cause?: Cause;
  /** The time that this message was delayed to, ISO 8601; tells the scheduled wake-up from an ordinary message. */
  readonly notBefore?: string;
}

/** Longest text of a cause in a message. */
const MAX_TEXT = 300;
const short = z.string().max(MAX_TEXT);

/**
 * A cause as a message may bring it. What operators ask for, and who they are, comes in through the app alone, which puts it on record first:
 * whoever can write into the queue could be anybody.
 */
const MessageCause = z
  .object({
    ...Cause.shape,
    id: short.min(1),
    operation: z.exactOptional(short),
    correlationId: z.exactOptional(short),
    actor: z.exactOptional(
      z.object({
        id: z.exactOptional(short),
        type: z.exactOptional(z.enum(['User', 'ServicePrincipal', 'Group'])),
        application: z.exactOptional(short),
        name: z.exactOptional(short),
      }),
    ),
    request: z.exactOptional(z.never()),
  })
  .transform(
    ({ request: _none, actor, ...cause }): Cause =>
      actor === undefined || cause.kind === 'operator' ? cause : { ...cause, actor },
  );

const Message = z.object({
  version: z.literal(1),
  resourceId: z.string(),
  cause: z.exactOptional(MessageCause),
  notBefore: z.exactOptional(z.iso.datetime()),
});

/**
 * Reads a message that `formatWorkMessage` wrote, as the Functions host hands it over (parsed, or text, or base64).
 * Throws `INPUT_INVALID_MESSAGE` or `INPUT_INVALID_RESOURCE_ID`; the error never repeats the message.
 */
export function parseWorkMessage(message: unknown): WorkMessage {
  const decoded = decodeMessage(message);
  if (!decoded.ok) throw new DockwardenError('INPUT_INVALID_MESSAGE', `not a work message: ${decoded.detail}`);
  const parsed = Message.safeParse(decoded.value);
  if (!parsed.success) {
    const fields = parsed.error.issues.map(({ path }) => path.join('.') || 'message');
    throw new DockwardenError('INPUT_INVALID_MESSAGE', `not a work message: check ${fields.join(', ')}`);
  }
  const { resourceId, cause, notBefore } = parsed.data;
  return {
    resourceId: parseResourceId(resourceId),
    ...(cause !== undefined && { cause }),
    ...(notBefore !== undefined && { notBefore }),
  };
}

/** The text of a message; the id is written as Azure spelt it. */
export function formatWorkMessage({ resourceId, cause, notBefore }: WorkMessage): string {
  return JSON.stringify({
    version: 1,
    resourceId: resourceId.id,
    ...(cause !== undefined && { cause }),
    ...(notBefore !== undefined && { notBefore }),
  });
}
