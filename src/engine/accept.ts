import { DockwardenError, isDockwardenError } from '../errors.ts';
import type { Cause } from '../events/cause.ts';
import { type ParsedInput, parseMessage } from '../events/parse-message.ts';
import { type FoundCause, type IgnoredInput, type InvalidInput, invalid } from '../events/parsed.ts';
import { formatWorkMessage } from '../events/work-message.ts';
import type { ResourceId } from '../resources/resource-id.ts';
import { newWorkItem, withCause } from '../work/work-items.ts';
import { causeOfAlert, hearAlert, recordForgotten } from './heard-alert.ts';
import { recordInput } from './input-rows.ts';
import { hashMessage, type Kept, keepIfPossible, noteKept } from './poison.ts';
import type { EngineContext } from './ports.ts';

/** Writes of one row that may collide before the message is given back. */
const MAX_COLLISIONS = 50;

/** What became of the elements of one message. */
export interface Accepted {
  readonly marked: number;
  readonly ignored: number;
  readonly invalid: number;
}

/** Where a message came from: the queue that it would have stood in. */
export type Intake = 'resource-events' | 'defender-alerts';

/** What the elements of a message are, as the settings want them read. Calls nothing. */
export function readMessage(
  { policies, settings }: Pick<EngineContext, 'policies' | 'settings'>,
  message: unknown,
): readonly ParsedInput[] {
  const { actorNames, ownPrincipalId, ownClientId } = settings;
  return parseMessage(message, {
    actorNames,
    isImageWatched: policies.some(
      ({ id, needs }) => needs?.includes('imageFindings') === true && settings.isPolicyOn(id),
    ),
    ...(ownPrincipalId !== undefined && { ownPrincipalId }),
    ...(ownClientId !== undefined && { ownClientId }),
  });
}

/**
 * Takes in whatever a queue, an Event Hub or an endpoint hands over: marks the resources that it names and sends one wake-up each. No Azure call.
 * One bad element never takes the others along; throws only when storage fails, so that the message comes again.
 */
export async function acceptEvents(
  context: EngineContext,
  message: unknown,
  intake: Intake = 'resource-events',
): Promise<Accepted> {
  const accepted = { marked: 0, ignored: 0, invalid: 0 };
  const origin: Origin = {
    intake,
    hash: once(() => hashMessage(message)),
    keep: once(async () => await keepIfPossible(context, intake, message)),
  };
  let failure: Error | undefined;
  for (const element of joinRubbish(readMessage(context, message), intake)) {
    try {
      accepted[await acceptOne(context, element, origin)] += element.count;
    } catch (error) {
      // An outage counts most: after it the others have another chance, and an element that nobody can handle fails again.
      if (!isDockwardenError(failure, 'STORAGE_UNAVAILABLE')) failure = toError(error);
    }
  }
  if (failure !== undefined) throw failure;
  return accepted;
}

function toError(thrown: unknown): Error {
  if (thrown instanceof Error) return thrown;
  return new DockwardenError('INTERNAL_INVARIANT', 'something that is no error was thrown');
}

/** One element of a message, or several that are alike. */
interface Element<T extends ParsedInput = ParsedInput> {
  readonly input: T;
  readonly count: number;
  /** Where the last of them stands in its message. */
  readonly index: number;
}

/** What has no id, and is kept with its whole message, is one input for each reason: there may be thousands. */
function joinRubbish(inputs: readonly ParsedInput[], intake: Intake): readonly Element[] {
  const sound: Element[] = [];
  const rubbish = new Map<string, Element>();
  for (const [index, input] of inputs.entries()) {
    if (input.result !== 'invalid' || input.eventId !== undefined || !isKept(intake, input)) {
      sound.push({ input, index, count: 1 });
      continue;
    }
    const { detail, reason } = input;
    const count = (rubbish.get(reason)?.count ?? 0) + 1;
    const joined = count === 1 ? input : invalid(reason, `${count} elements: ${detail}`);
    rubbish.set(reason, { count, index, input: joined });
  }
  return [...sound, ...rubbish.values()];
}

/** The message that an element came in. */
interface Origin {
  readonly intake: Intake;
  /** Tells it from others. */
  readonly hash: () => string;
  /** Keeps it whole. */
  readonly keep: () => Promise<Kept>;
}

/** Makes it when it is asked for, and once: a message may have thousands of elements that ask. */
function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

async function acceptOne(context: EngineContext, { index, input }: Element, origin: Origin): Promise<keyof Accepted> {
  switch (input.result) {
    case 'cause':
      return await acceptOrRecord(context, input);
    case 'ignored':
      context.log.debug('event ignored', { reason: input.reason, eventId: input.eventId });
      await recordIgnored(context, input, () => `${origin.hash()} ${index}`);
      return 'ignored';
    case 'invalid':
      await recordInvalid(context, origin, { index, input });
      return 'invalid';
  }
}

/** One that is over, and was never heard of, is on record when somebody sends it: a poll finds it every time. */
async function acceptOrRecord(context: EngineContext, input: FoundCause): Promise<'marked' | 'ignored'> {
  const result = await acceptCause(context, input);
  if (result === 'ignored' && input.alert?.status === 'closed')
    await recordClosed(context, input.resourceId, input.alert);
  return result;
}

/** It may be opened again, and closed once more. */
async function recordClosed(
  context: EngineContext,
  resourceId: ResourceId,
  { changedAt: time, id: causeId }: NonNullable<FoundCause['alert']>,
): Promise<void> {
  const subject = `${causeId} ${time}`;
  await recordInput(context, { causeKind: 'alert', reason: 'alert-closed', causeId, resourceId, subject, time });
}

/** An alert is stored before anything is marked, so that no look comes without it. One that is over matters only to those who knew it. */
export async function acceptCause(
  context: EngineContext,
  { alert, cause, resourceId }: FoundCause,
): Promise<'marked' | 'ignored'> {
  if (alert === undefined) {
    await markDirty(context, resourceId, cause);
    return 'marked';
  }
  const heard = hearAlert(alert, context.clock.now());
  const saved = await context.alerts.save(resourceId, heard, async (ids) => {
    await recordForgotten(context, resourceId, ids);
  });
  if (saved === 'unheard' || saved === 'forgotten') return 'ignored';
  if (saved === 'stored' && alert.status === 'closed') await recordClosed(context, resourceId, alert);
  // What is known already is marked all the same: the worker before may have died between the two steps.
  await markDirty(context, resourceId, causeOfAlert(cause, alert, saved));
  return 'marked';
}

/** Alerts that are ignored are rare, and somebody will ask why nothing was done about them. */
const RECORDED = new Set<string>(['sample-alert', 'test-alert', 'no-covered-resource']);

/**
 * Merges a cause into the resource's row and sends a wake-up. A cause that is known and still waits is sent for again (the worker before
 * may have died between the two steps); one that is known and done marks nothing.
 */
export async function markDirty(context: EngineContext, resourceId: ResourceId, cause: Cause): Promise<void> {
  const pending = { ...cause, queuedAt: context.clock.now().toISOString() };
  for (let collision = 0; collision < MAX_COLLISIONS; collision += 1) {
    const row = await context.work.get(resourceId);
    const item = row?.item ?? newWorkItem(resourceId.id);
    const marked = withCause(item, pending);
    if (marked === undefined) {
      const isWaiting = item.pending.some(({ id }) => id === cause.id);
      if (isWaiting) await context.queue.send(formatWorkMessage({ resourceId }), 0);
      return;
    }
    const written =
      row === undefined
        ? await context.work.insert(resourceId, marked)
        : await context.work.replace(resourceId, marked, row.etag);
    if (written === undefined) continue;
    await context.queue.send(formatWorkMessage({ resourceId }), 0);
    return;
  }
  throw new DockwardenError('STORAGE_UNAVAILABLE', 'the work row is written by others all the time', {
    resourceId: resourceId.id,
  });
}

/** Reasons why an element cannot even be told from rubbish. */
const UNREADABLE = new Set<string>(['not-json', 'unknown-envelope', 'too-large', 'too-deep']);

/** Is the whole message kept for it? Nobody can ask for rubbish again, nor for an alert; an event is only a hint, and the sweep comes. */
function isKept(intake: Intake, { reason }: InvalidInput): boolean {
  return intake === 'defender-alerts' || UNREADABLE.has(reason);
}

/** What has no id is known by its message and its place in there. */
async function recordInvalid(
  context: EngineContext,
  { hash, intake, keep }: Origin,
  { index, input }: Pick<Element<InvalidInput>, 'index' | 'input'>,
): Promise<void> {
  const { detail, eventId, reason, time } = input;
  context.log.warn('event invalid', { reason, detail });
  const note = { reason, time, causeKind: intake === 'resource-events' ? 'event' : 'alert' } as const;
  if (!isKept(intake, input)) {
    await recordInput(context, { ...note, detail, causeId: eventId, subject: eventId ?? `${hash()} ${index}` });
    return;
  }
  const kept = noteKept(await keep(), eventId === undefined ? detail : `${eventId}: ${detail}`);
  // Each message that is kept has its row, also where another one was about the same.
  await recordInput(context, { ...note, causeId: eventId, ...kept, subject: `${hash()} ${eventId ?? index}` });
}

/** `name` is what the row knows it by where it has no id. */
export async function recordIgnored(
  context: EngineContext,
  { eventId: causeId, reason, time }: IgnoredInput<string>,
  name: () => string,
): Promise<void> {
  if (!RECORDED.has(reason)) return;
  await recordInput(context, { causeKind: 'alert', reason, causeId, time, subject: causeId ?? name() });
}
