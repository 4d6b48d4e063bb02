import { auditKey } from '../audit/audit-log.ts';
import { DockwardenError } from '../errors.ts';
import type { Cause } from '../events/cause.ts';
import type { ParsedEvent } from '../events/parse-events.ts';
import { parseMessage } from '../events/parse-message.ts';
import { formatWorkMessage } from '../events/work-message.ts';
import type { ResourceId } from '../resources/resource-id.ts';
import { newWorkItem, withCause } from '../work/work-items.ts';
import { keepBody } from './poison.ts';
import type { EngineContext } from './ports.ts';

/** Writes of one row that may collide before the message is given back. */
const MAX_COLLISIONS = 50;

/** What became of the events in one message. */
export interface Accepted {
  readonly marked: number;
  readonly ignored: number;
  readonly invalid: number;
}

/** What the elements of a message are, as the settings want them read. Calls nothing. */
export function readMessage({ settings }: Pick<EngineContext, 'settings'>, message: unknown): readonly ParsedEvent[] {
  const { actorNames, ownPrincipalId, ownClientId } = settings;
  return parseMessage(message, {
    actorNames,
    ...(ownPrincipalId !== undefined && { ownPrincipalId }),
    ...(ownClientId !== undefined && { ownClientId }),
  });
}

/**
 * Takes in whatever an event queue or webhook hands over: marks the resources that it names and sends one wake-up each. No Azure call.
 * One bad element never takes the others along; throws only when storage fails, so that the message comes again.
 */
export async function acceptEvents(context: EngineContext, message: unknown): Promise<Accepted> {
  const events = readMessage(context, message);
  const accepted = { marked: 0, ignored: 0, invalid: 0 };
  let failure: Error | undefined;
  for (const event of events) {
    try {
      if (event.result === 'cause') {
        await markDirty(context, event.resourceId, event.cause);
        accepted.marked += 1;
      } else if (event.result === 'ignored') {
        context.log.debug('event ignored', { reason: event.reason, eventId: event.eventId });
        accepted.ignored += 1;
      } else {
        await recordInvalid(context, message, event);
        accepted.invalid += 1;
      }
    } catch (error) {
      failure =
        error instanceof Error
          ? error
          : new DockwardenError('INTERNAL_INVARIANT', 'something that is no error was thrown');
    }
  }
  if (failure !== undefined) throw failure;
  return accepted;
}

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
const UNREADABLE = new Set<string>(['not-json', 'unknown-envelope', 'too-large']);

async function recordInvalid(
  context: EngineContext,
  message: unknown,
  { reason, detail, eventId }: { readonly reason: string; readonly detail: string; readonly eventId?: string },
): Promise<void> {
  const now = context.clock.now();
  context.log.warn('event invalid', { reason, detail });
  const causeId = UNREADABLE.has(reason) ? `poison/${await keepBody(context, 'resource-events', message)}` : eventId;
  await context.audit.append(auditKey(now, context.newRunId(now), 'input'), {
    time: now.toISOString(),
    stage: 'input',
    reason,
    ...(causeId !== undefined && { causeId: causeId.slice(0, 200) }),
    causeKind: 'event',
    error: detail,
    configHash: context.settings.hash,
    version: context.version,
  });
}
