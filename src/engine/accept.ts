import { auditKey } from '../audit/audit-log.ts';
import { DockwardenError, isDockwardenError } from '../errors.ts';
import type { Cause, CauseKind } from '../events/cause.ts';
import { type ParsedInput, parseMessage } from '../events/parse-message.ts';
import { type FoundCause, type InvalidInput, invalid } from '../events/parsed.ts';
import { formatWorkMessage } from '../events/work-message.ts';
import type { ResourceId } from '../resources/resource-id.ts';
import { newWorkItem, withCause } from '../work/work-items.ts';
import { resourceColumns } from './audit-rows.ts';
import { keepBody } from './poison.ts';
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
  let failure: Error | undefined;
  for (const { count, input } of joinRubbish(readMessage(context, message))) {
    try {
      accepted[await acceptOne(context, input, { message, intake })] += count;
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

interface Counted {
  readonly input: ParsedInput;
  readonly count: number;
}

/** What cannot be told from rubbish is one input for each reason: the message that is kept of it is the same, and there may be thousands. */
function joinRubbish(inputs: readonly ParsedInput[]): readonly Counted[] {
  const sound: Counted[] = [];
  const rubbish = new Map<string, Counted>();
  for (const input of inputs) {
    if (input.result !== 'invalid' || !UNREADABLE.has(input.reason)) {
      sound.push({ input, count: 1 });
      continue;
    }
    const { detail, reason } = input;
    const count = (rubbish.get(reason)?.count ?? 0) + 1;
    rubbish.set(reason, { count, input: count === 1 ? input : invalid(reason, `${count} elements: ${detail}`) });
  }
  return [...sound, ...rubbish.values()];
}

interface Origin {
  readonly message: unknown;
  readonly intake: Intake;
}

async function acceptOne(context: EngineContext, input: ParsedInput, origin: Origin): Promise<keyof Accepted> {
  switch (input.result) {
    case 'cause':
      return await acceptOrRecord(context, input);
    case 'ignored':
      context.log.debug('event ignored', { reason: input.reason, eventId: input.eventId });
      if (RECORDED.has(input.reason)) await recordInput(context, { causeKind: 'alert', ...input });
      return 'ignored';
    case 'invalid':
      await recordInvalid(context, origin, input);
      return 'invalid';
  }
}

/** One that is over, and was never heard of, is on record when somebody sends it: a poll finds it every time. */
async function acceptOrRecord(context: EngineContext, input: FoundCause): Promise<'marked' | 'ignored'> {
  const result = await acceptCause(context, input);
  if (result === 'ignored' && input.alert !== undefined) await recordClosed(context, input.resourceId, input.alert.id);
  return result;
}

async function recordClosed(context: EngineContext, resourceId: ResourceId, eventId: string): Promise<void> {
  await recordInput(context, { causeKind: 'alert', reason: 'alert-closed', eventId, resourceId });
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
  const receivedAt = context.clock.now().toISOString();
  // Nothing has happened later than now: an alert from the future would outlast, and outdo, all that follows.
  const [raisedAt, changedAt] = [earlier(alert.raisedAt, receivedAt), earlier(alert.changedAt, receivedAt)];
  const saved = await context.alerts.save(resourceId, { ...alert, raisedAt, changedAt, receivedAt });
  if (saved === 'unheard') return 'ignored';
  if (saved === 'stored' && alert.status === 'closed') await recordClosed(context, resourceId, alert.id);
  // What is known already is marked all the same: the worker before may have died between the two steps.
  const again = saved === 'reopened' ? { ...cause, id: `${cause.id} opened again ${alert.changedAt}` } : cause;
  await markDirty(context, resourceId, again);
  return 'marked';
}

function earlier(one: string, other: string): string {
  return one < other ? one : other;
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

/** Reasons why an element cannot even be told from rubbish; the whole message is then kept, because nobody can ask for it again. */
const UNREADABLE = new Set<string>(['not-json', 'unknown-envelope', 'too-large', 'too-deep']);

async function recordInvalid(context: EngineContext, { intake, message }: Origin, input: InvalidInput): Promise<void> {
  const { detail, eventId, reason } = input;
  context.log.warn('event invalid', { reason, detail });
  const causeId = UNREADABLE.has(reason) ? `poison/${await keepBody(context, intake, message)}` : eventId;
  await recordInput(context, {
    causeKind: intake === 'resource-events' ? 'event' : 'alert',
    reason,
    detail,
    ...(causeId !== undefined && { eventId: causeId }),
  });
}

/** What came in and led to nothing, on record. */
async function recordInput(
  context: EngineContext,
  input: {
    readonly causeKind: CauseKind;
    readonly reason: string;
    readonly detail?: string;
    readonly eventId?: string;
    readonly resourceId?: ResourceId;
  },
): Promise<void> {
  const { causeKind, detail, eventId, reason, resourceId } = input;
  const now = context.clock.now();
  await context.audit.append(auditKey(now, context.newRunId(now), 'input'), {
    time: now.toISOString(),
    stage: 'input',
    reason,
    ...(resourceId !== undefined && resourceColumns(resourceId)),
    ...(eventId !== undefined && { causeId: eventId.slice(0, 200) }),
    causeKind,
    ...(detail !== undefined && { error: detail }),
    configHash: context.settings.hash,
    version: context.version,
  });
}
