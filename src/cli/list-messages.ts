import * as z from 'zod';
import { DockwardenError, isDockwardenError } from '../errors.ts';
import { decodeMessage } from '../events/decode-message.ts';
import { type MessageKind, messageKinds, parseMessageId } from '../poison/message-id.ts';
import type { KeptMessage, PoisonStore } from '../poison/poison-store.ts';
import { isPlainObject, lenient, parseJson } from '../resources/lenient.ts';
import type { Listing } from './list-records.ts';

type Store = Pick<PoisonStore, 'list' | 'read'>;

/** What Event Grid says about an event that it could not deliver; in CloudEvents all names are in lower case. */
const DeadLetter = z.object({
  deadletterreason: lenient(z.string()),
  deliveryattempts: lenient(z.union([z.number(), z.string()])),
  lastdeliveryoutcome: lenient(z.string()),
  publishtime: lenient(z.string()),
  lastdeliveryattempttime: lenient(z.string()),
});

/** One event of a dead letter. */
interface Undelivered {
  readonly reason?: string;
  readonly attempts?: string;
  readonly outcome?: string;
  readonly published?: string;
  readonly lastAttempt?: string;
}

/** One message as lists show it. */
interface ShownMessage extends Pick<KeptMessage, 'id' | 'kind' | 'size' | 'keptAt'> {
  /** Only of dead letters that can be read. */
  readonly events?: readonly Undelivered[];
}

/** Most names that are looked at in one container. */
const MAX_NAMES = 20_000;
/** Dead letters between two lines about the progress. */
const STEP = 25;

export interface MessageFilter {
  readonly kind: MessageKind | 'all';
  /** Most messages that are shown. */
  readonly limit: number;
}

/** Messages that nobody could handle, newest first. `tell` hears what is left out, and how far it is. */
export async function listMessages(
  store: Store,
  { kind, limit }: MessageFilter,
  tell: (text: string) => void,
): Promise<Listing<ShownMessage>> {
  const found: KeptMessage[] = [];
  for (const each of messageKinds)
    if (kind === 'all' || kind === each) found.push(...(await listNames(store, each, tell)));
  const newest = found.toSorted((one, other) => other.keptAt.localeCompare(one.keptAt)).slice(0, limit);
  if (newest.length < found.length) tell(`${found.length - newest.length} older ones are not shown: see --limit`);
  const records: ShownMessage[] = [];
  const letters = newest.filter((message) => message.kind === 'dead-letter').length;
  let done = 0;
  for (const message of newest) {
    if (message.kind === 'dead-letter') {
      if (done > 0 && done % STEP === 0) tell(`${done} of ${letters} dead letters are read`);
      done += 1;
    }
    records.push(await describeMessage(store, message));
  }
  return {
    records,
    headings: ['ID', 'KEPT', 'BYTES', 'EVENTS', 'REASON', 'ATTEMPTS', 'OUTCOME', 'PUBLISHED', 'LAST ATTEMPT'],
    rows: records.map(({ id, keptAt, size, events }) => {
      const [{ reason, attempts, outcome, published, lastAttempt } = {}] = events ?? [];
      const cells = [String(events?.length ?? '-'), reason, attempts, outcome, published, lastAttempt];
      return [id, keptAt, String(size), ...cells.map((cell) => cell ?? '-')];
    }),
  };
}

async function listNames(
  store: Store,
  kind: MessageKind,
  tell: (text: string) => void,
): Promise<readonly KeptMessage[]> {
  const names: KeptMessage[] = [];
  for await (const message of store.list(kind)) {
    if (names.length === MAX_NAMES) {
      tell(`there are more than ${MAX_NAMES} messages in ${kind}: those after them, by name, are left out`);
      break;
    }
    names.push(message);
  }
  return names;
}

async function describeMessage(store: Store, message: KeptMessage): Promise<ShownMessage> {
  const { id, kind, size, keptAt } = message;
  const shown = { id, kind, size, keptAt };
  if (kind !== 'dead-letter') return shown;
  try {
    const body = await store.read(message);
    return body === undefined ? shown : { ...shown, ...describeEvents(body.toString()) };
  } catch (error) {
    // Too large to be read; the list goes on.
    if (!isDockwardenError(error, 'INPUT_INVALID_MESSAGE')) throw error;
    return shown;
  }
}

function describeEvents(body: string): Pick<ShownMessage, 'events'> {
  const value = parseJson(body);
  const elements: readonly unknown[] = Array.isArray(value) ? value : [value];
  const events = elements.filter(isPlainObject).map(describeEvent);
  return events.length === 0 ? {} : { events };
}

function describeEvent(element: Record<string, unknown>): Undelivered {
  const lower = Object.fromEntries(Object.entries(element).map(([name, value]) => [name.toLowerCase(), value]));
  const letter = DeadLetter.parse(lower);
  const { deadletterreason: reason, deliveryattempts: attempts, lastdeliveryoutcome: outcome } = letter;
  const { publishtime: published, lastdeliveryattempttime: lastAttempt } = letter;
  return {
    ...(reason !== undefined && { reason }),
    ...(attempts !== undefined && { attempts: String(attempts) }),
    ...(outcome !== undefined && { outcome }),
    ...(published !== undefined && { published }),
    ...(lastAttempt !== undefined && { lastAttempt }),
  };
}

/** One message with its content, as JSON; undefined content = it is no JSON, and might hold anything. */
export async function readMessageContent(
  store: Pick<PoisonStore, 'read'>,
  id: string,
): Promise<{ readonly size: number; readonly content: unknown; readonly events: readonly Undelivered[] }> {
  const place = parseMessageId(id);
  const body = place && (await store.read(place));
  if (place === undefined || body === undefined)
    throw new DockwardenError('INPUT_INVALID_MESSAGE', `there is no message ${id}: "messages list" shows the ids`);
  const text = body.toString();
  const decoded = decodeMessage(parseJson(text) ?? text);
  const { events = [] } = place.kind === 'dead-letter' ? describeEvents(text) : {};
  return { size: body.byteLength, content: decoded.ok ? decoded.value : undefined, events };
}
