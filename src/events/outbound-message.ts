import * as z from 'zod';
import { DockwardenError } from '../errors.ts';
import { decodeMessage } from './decode-message.ts';

/** One message of the queue `events`: publish what this row of the audit says. */
export interface OutboundMessage {
  readonly partitionKey: string;
  readonly rowKey: string;
  /** When the row was written, ISO 8601: the message is given up some time after that. */
  readonly since: string;
  /** Tries so far that came to nothing. */
  readonly attempt: number;
}

// As long as a key of a table may be.
const Key = z.string().min(1).max(1024);
const Message = z.object({
  version: z.literal(1),
  partitionKey: Key,
  rowKey: Key,
  since: z.iso.datetime(),
  attempt: z.number().int().min(0),
});

/**
 * Reads a message that `formatOutboundMessage` wrote, as the Functions host hands it over. Throws `INPUT_INVALID_MESSAGE`; the error never
 * repeats the message.
 */
export function parseOutboundMessage(message: unknown): OutboundMessage {
  const decoded = decodeMessage(message);
  const parsed = decoded.ok ? Message.safeParse(decoded.value) : undefined;
  if (parsed?.success === true) {
    const { version: _version, ...known } = parsed.data;
    return known;
  }
  const detail = decoded.ok ? 'it names no row of the audit' : decoded.detail;
  throw new DockwardenError('INPUT_INVALID_MESSAGE', `not a message about an own event: ${detail}`);
}

export function formatOutboundMessage({ partitionKey, rowKey, since, attempt }: OutboundMessage): string {
  return JSON.stringify({ version: 1, partitionKey, rowKey, since, attempt });
}
