import * as z from 'zod';
import { DockwardenError } from '../errors.ts';
import { decodeMessage } from './decode-message.ts';

/** One message of the queue `tickets`: bring the configured system to what this ticket's row says. */
export interface TicketMessage {
  readonly key: string;
}

const Message = z.object({ version: z.literal(1), key: z.string().regex(/^dw-[0-9a-f]{32}$/) });

/**
 * Reads a message that `formatTicketMessage` wrote, as the Functions host hands it over. Throws `INPUT_INVALID_MESSAGE`; the error never
 * repeats the message.
 */
export function parseTicketMessage(message: unknown): TicketMessage {
  const decoded = decodeMessage(message);
  const parsed = decoded.ok ? Message.safeParse(decoded.value) : undefined;
  if (parsed?.success === true) return { key: parsed.data.key };
  const detail = decoded.ok ? 'it holds no key of a ticket' : decoded.detail;
  throw new DockwardenError('INPUT_INVALID_MESSAGE', `not a ticket message: ${detail}`);
}

export function formatTicketMessage({ key }: TicketMessage): string {
  return JSON.stringify({ version: 1, key });
}
