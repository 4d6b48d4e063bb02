import { createHash } from 'node:crypto';
import { isDockwardenError } from '../errors.ts';
import { formatOutboundMessage, parseOutboundMessage } from '../events/outbound-message.ts';
import type { ReviewBody } from '../events/review-body.ts';
import { formatTicketMessage, parseTicketMessage } from '../events/ticket-message.ts';
import { formatWorkMessage, parseWorkMessage } from '../events/work-message.ts';
import { type MessagePlace, parseMessageId } from '../poison/message-id.ts';
import { parseJson } from '../resources/lenient.ts';
import { acceptEvents, type Intake, readMessage } from './accept.ts';
import type { EngineContext } from './ports.ts';
import { type Refused, type ReviewAnswer, type ReviewRequest, record, refused } from './review-request.ts';

/** A message that was read, and how it is to be handled again. */
interface Understood {
  /** Hands it to where it belongs; returns what to say about it. Rejects only for storage. */
  take(): Promise<string>;
  /** How many of its elements cannot be understood even now: it is kept for them. */
  readonly invalid: number;
}

/** What of a message is not understood, in words. */
interface NotUnderstood {
  readonly because: string;
}

type Reader = (context: EngineContext, body: string) => Understood | NotUnderstood;

/** Who reads the messages of each queue. */
const readers: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ['resource-events', (context, body) => readEvents(context, body, 'resource-events')],
  ['defender-alerts', (context, body) => readEvents(context, body, 'defender-alerts')],
  ['work', readWork],
  ['tickets', readTicket],
  ['events', readOutbound],
]);

/** Handles a message again that nobody could handle, and removes it when all of it is taken in. Doing so twice is harmless: causes are known by their ids. */
export async function replayMessage(
  request: ReviewRequest,
  { id, reason }: ReviewBody<'message-replay'>,
): Promise<ReviewAnswer> {
  const kept = await findMessage(request, id);
  if ('result' in kept) return kept;
  const reader = readerOf(kept.place);
  if (reader === undefined)
    return refused(409, 'unknown-queue', `nothing here reads messages of ${queueOf(kept.place)}`);
  const understood = reader(request.context, kept.body.toString());
  if ('because' in understood)
    return refused(
      409,
      'not-understood',
      `the message is kept, because it cannot be understood: ${understood.because}`,
    );
  await recordStep(request, id, 'message-replayed', kept.body, reason);
  const taken = await understood.take();
  const { invalid } = understood;
  const rest =
    invalid > 0
      ? `it is kept, because ${invalid} of its events cannot be understood`
      : await removeIfPossible(request, kept.place);
  return accepted(request, `${taken}; ${rest}`);
}

/** Removes a message for good; its hash stays on record. */
export async function dropMessage(
  request: ReviewRequest,
  { id, reason }: ReviewBody<'message-drop'>,
): Promise<ReviewAnswer> {
  const kept = await findMessage(request, id);
  if ('result' in kept) return kept;
  await recordStep(request, id, 'message-dropped', kept.body, reason);
  await request.context.poison.remove(kept.place);
  return accepted(request, `message ${id} is removed`);
}

function accepted({ requestId }: ReviewRequest, message: string): ReviewAnswer {
  return { result: 'accepted', requestId, message };
}

async function findMessage(
  { context }: ReviewRequest,
  id: string,
): Promise<{ readonly place: MessagePlace; readonly body: Buffer } | Refused> {
  const place = parseMessageId(id);
  if (place === undefined) return refused(400, 'invalid-request', 'check id');
  try {
    const body = await context.poison.read(place);
    return body === undefined ? refused(404, 'unknown-message', 'there is no such message') : { place, body };
  } catch (error) {
    if (!isDockwardenError(error, 'INPUT_INVALID_MESSAGE')) throw error;
    return refused(409, 'message-too-large', error.message);
  }
}

async function recordStep(
  request: ReviewRequest,
  causeId: string,
  reason: 'message-replayed' | 'message-dropped',
  body: Buffer,
  error: string,
): Promise<void> {
  const sha256 = createHash('sha256').update(body).digest('hex');
  const evidence = JSON.stringify({ sha256, bytes: body.byteLength });
  await record(request, 'operator', { causeId, reason, evidence, error });
}

async function removeIfPossible({ context }: ReviewRequest, place: MessagePlace): Promise<string> {
  try {
    await context.poison.remove(place);
    return 'the message is removed';
  } catch (error) {
    if (!isDockwardenError(error, 'STORAGE_UNAVAILABLE')) throw error;
    context.log.warn('a message that was handled again cannot be removed', { name: place.name, error: error.message });
    return 'the message could not be removed, and may be dropped';
  }
}

/** Dead letters are events, whatever their place is called. */
function readerOf(place: MessagePlace): Reader | undefined {
  return readers.get(place.kind === 'dead-letter' ? 'resource-events' : queueOf(place));
}

function queueOf({ name }: MessagePlace): string {
  return name.replace(/\/.*$/, '');
}

function readEvents(context: EngineContext, body: string, intake: Intake): Understood | NotUnderstood {
  const value = parseJson(body) ?? body;
  const elements: readonly unknown[] = Array.isArray(value) ? value : [value];
  const parts = elements.map((element) => ({ element, events: readMessage(context, element) }));
  const invalid = parts.flatMap(({ events }) => events).filter((event) => event.result === 'invalid');
  const readable = parts.filter(({ events }) => events.some(({ result }) => result !== 'invalid'));
  if (readable.length === 0) return { because: invalid[0]?.detail ?? 'it holds no event' };
  return {
    invalid: invalid.length,
    async take() {
      const counts = { marked: 0, ignored: 0 };
      for (const { element } of readable) {
        const { marked, ignored } = await acceptEvents(context, element, intake);
        counts.marked += marked;
        counts.ignored += ignored;
      }
      return `events taken in: ${counts.marked}, ignored: ${counts.ignored}`;
    },
  };
}

function readWork(context: EngineContext, body: string): Understood | NotUnderstood {
  return read(() => {
    const { queue } = context;
    const message = parseWorkMessage(body);
    return async () => {
      await queue.send(formatWorkMessage(message), 0);
      return `${message.resourceId.name} is looked at again`;
    };
  });
}

function readTicket(context: EngineContext, body: string): Understood | NotUnderstood {
  return read(() => {
    const { ticketQueue } = context;
    const message = parseTicketMessage(body);
    return async () => {
      await ticketQueue.send(formatTicketMessage(message), 0);
      return `ticket ${message.key} is delivered again`;
    };
  });
}

function readOutbound(context: EngineContext, body: string): Understood | NotUnderstood {
  return read(() => {
    const { eventQueue } = context;
    const message = parseOutboundMessage(body);
    return async () => {
      await eventQueue.send(formatOutboundMessage(message), 0);
      return `row ${message.rowKey} is published again`;
    };
  });
}

/** A message of ours that is parsed as a whole; its parser throws when it cannot. */
function read(parse: () => Understood['take']): Understood | NotUnderstood {
  try {
    return { take: parse(), invalid: 0 };
  } catch (error) {
    if (!isDockwardenError(error) || !error.code.startsWith('INPUT_')) throw error;
    return { because: error.message };
  }
}
