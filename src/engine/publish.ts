import { createHash } from 'node:crypto';
import { type AuditRecord, auditKey } from '../audit/audit-log.ts';
import { type DockwardenError, isDockwardenError } from '../errors.ts';
import { formatOutboundMessage, type OutboundMessage } from '../events/outbound-message.ts';
import { toOwnEvent } from '../outbound/own-event.ts';
import { type SendEvent, TopicError } from '../outbound/topic.ts';
import { type EngineContext, LIMITS } from './ports.ts';

/** What publishing needs. */
export interface PublishingContext
  extends Pick<EngineContext, 'clock' | 'log' | 'audit' | 'eventQueue' | 'settings' | 'version'> {
  /** To the configured topic; undefined = there is none. */
  readonly publish: SendEvent | undefined;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** Waits after a try that came to nothing, by number of tries; the last one holds from then on. */
const RETRIES: readonly number[] = [MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 3 * HOUR];
const LONGEST_RETRY = 6 * HOUR;
/** A row that is not there by then was never written: whoever wanted to write it has failed, or has died. */
const MISSING_AFTER = HOUR;
/** What could not be published in this time is given up, with a row that says so. */
const GIVEN_UP_AFTER = 7 * 24 * HOUR;

/**
 * Publishes one row of the audit. Returns when the message may be deleted: it is done, or a message for later has been sent. Throws only where
 * that cannot be sent; the host then delivers the message again.
 */
export async function publishRecord(context: PublishingContext, message: OutboundMessage): Promise<void> {
  try {
    await tryOnce(context, message);
  } catch (error) {
    if (!isDockwardenError(error, 'STORAGE_UNAVAILABLE')) throw error;
    await tryLater(context, message, error.message);
  }
}

async function tryOnce(context: PublishingContext, message: OutboundMessage): Promise<void> {
  const { publish, settings } = context;
  if (publish === undefined) {
    // An address with a slip in it is not a topic that was switched off: what waits is kept until it is put right.
    if (settings.events.isUnclear) await retry(context, message, 'EVENTS_TOPIC_ENDPOINT cannot be read');
    else context.log.info('event dropped: publishing is switched off', idOf(message));
    return;
  }
  try {
    const record = await context.audit.find(message);
    if (record === undefined) await awaitRow(context, message);
    else await send(context, message, record, publish);
  } catch (error) {
    if (!isDockwardenError(error, 'INPUT_INVALID_ROW')) throw error;
    await giveUp(context, message, error);
  }
}

async function awaitRow(context: PublishingContext, message: OutboundMessage): Promise<void> {
  if (ageOf(context, message) < MISSING_AFTER) await tryLater(context, message, 'the row is not there yet');
  else context.log.warn('event dropped: its row was never written', idOf(message));
}

async function send(
  context: PublishingContext,
  message: OutboundMessage,
  record: AuditRecord,
  publish: SendEvent,
): Promise<void> {
  const event = toOwnEvent(message, record);
  if (event === undefined) {
    context.log.info('event dropped: its row is none', idOf(message));
    return;
  }
  try {
    await publish(event);
    context.log.info('event published', { ...idOf(message), type: event.type });
  } catch (error) {
    if (!(error instanceof TopicError)) throw error;
    if (error.kind === 'invalid') await giveUp(context, message, error, record);
    else await retry(context, message, error.message, { record, waitMs: error.retryAfterMs });
  }
}

interface Asked {
  readonly record?: AuditRecord;
  /** What the topic asked to wait. */
  readonly waitMs?: number | undefined;
}

async function retry(
  context: PublishingContext,
  message: OutboundMessage,
  because: string,
  { record, waitMs }: Asked = {},
): Promise<void> {
  if (ageOf(context, message) < GIVEN_UP_AFTER) await tryLater(context, message, because, waitMs);
  else await giveUp(context, message, { message: because }, record);
}

async function tryLater(
  context: PublishingContext,
  message: OutboundMessage,
  because: string,
  waitMs = 0,
): Promise<void> {
  const delayMs = Math.min(Math.max(RETRIES[message.attempt] ?? LONGEST_RETRY, waitMs), LIMITS.message);
  context.log.warn('event not published yet', { ...idOf(message), because, delayMs });
  await context.eventQueue.send(formatOutboundMessage({ ...message, attempt: message.attempt + 1 }), delayMs);
}

/** The key is made of the row's own, so a message that comes twice leaves one row. */
async function giveUp(
  context: PublishingContext,
  message: OutboundMessage,
  { message: error }: Pick<DockwardenError, 'message'>,
  record?: AuditRecord,
): Promise<void> {
  const { clock, settings, version } = context;
  const { event: id } = idOf(message);
  const name = createHash('sha256').update(id).digest('hex').slice(0, 32);
  context.log.error('event given up', { event: id, error });
  await context.audit.append(auditKey(new Date(message.since), `event-${name}`, 'notice'), {
    time: clock.now().toISOString(),
    stage: 'notice',
    reason: 'event-not-published',
    ...(record?.resourceId !== undefined && { resourceId: record.resourceId }),
    ...(record?.policyId !== undefined && { policyId: record.policyId }),
    causeId: id,
    error,
    configHash: settings.hash,
    version,
  });
}

function ageOf({ clock }: PublishingContext, { since }: OutboundMessage): number {
  return clock.now().getTime() - Date.parse(since);
}

/** What logs and rows call it: the id of the event. */
function idOf({ partitionKey, rowKey }: OutboundMessage): { readonly event: string } {
  return { event: `${partitionKey}/${rowKey}` };
}
