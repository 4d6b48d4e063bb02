import { type ParsedEvent, type ParseEventsOptions, parseEvents } from './parse-events.ts';

/**
 * The one place that knows which parser reads what has arrived, by whatever way: queue, webhook, dead letter, a file of an operator. Never
 * throws, and judges every element on its own.
 */
export function parseMessage(message: unknown, options: ParseEventsOptions): readonly ParsedEvent[] {
  return parseEvents(message, options);
}
