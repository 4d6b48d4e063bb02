import { isDockwardenError } from '../../errors.ts';
import { formatTicketMessage, type TicketMessage } from '../../events/ticket-message.ts';
import type { Ticket } from '../../tickets/ticket.ts';
import { TicketError, type TicketSystem } from '../../tickets/ticket-system.ts';
import { type EngineContext, LIMITS } from '../ports.ts';
import { delayUntil } from '../waiting.ts';
import { type Delivery, NotNow } from './delivery.ts';
import { notify } from './notify.ts';
import { isCheckDue, isWaitingForItsTime, leasedUntil, needsDelivery } from './outbox.ts';
import { recordTicket } from './ticket-audit.ts';
import { without } from './ticket-columns.ts';
import { TicketRow } from './ticket-row.ts';
import { track } from './track.ts';

const MINUTE = 60_000;
/** Waits after a try that failed, by number of tries; the last one holds from then on. */
const RETRIES: readonly number[] = [MINUTE, 5 * MINUTE, 30 * MINUTE, 120 * MINUTE];
const LONGEST_RETRY = 360 * MINUTE;
/** After this time of failing the ticket is shown to staff as failed; it is still tried. */
const FAILED_AFTER = 7 * 24 * 60 * MINUTE;
/** Changes of the row that one invocation follows; more come with their own messages. */
const MAX_ROUNDS = 5;

/**
 * Brings the configured system to what the ticket's row says, and learns what people did there. Returns when the message may be deleted: it is
 * done, or a message for later has been sent. Throws only for storage that cannot be used; the host then delivers the message again.
 */
export async function deliverTicket(context: EngineContext, { key }: TicketMessage, owner: string): Promise<void> {
  const system = context.ticketSystem;
  const stored = await context.tickets.get(key);
  if (system === undefined || stored === undefined) return;
  const { ticket } = stored;
  if (!needsDelivery(context, ticket) && !isCheckDue(context, ticket)) return;
  const now = context.clock.now();
  const until = leasedUntil(context, ticket);
  if (until !== undefined) {
    await sendLater(context, key, until);
    return;
  }
  // Its own message comes then.
  if (isWaitingForItsTime(context, ticket)) return;
  const row = await TicketRow.claim(context, stored, owner);
  if (row === undefined) {
    await sendLater(context, key, new Date(now.getTime() + LIMITS.lease));
    return;
  }
  try {
    await work(context, system, row);
  } catch (error) {
    if (!isDockwardenError(error, 'LEASE_LOST')) throw error;
    context.log.warn('ticket left to another worker', { ticketKey: key });
  }
}

async function work(context: EngineContext, system: TicketSystem, row: TicketRow): Promise<void> {
  const delivery: Delivery = {
    context,
    row,
    signal: AbortSignal.timeout(LIMITS.lease),
    async admit(write) {
      refuseFull(row, await context.ticketRates.admit(system.id, write, context.clock.now()));
    },
    async ensurePlace(write) {
      refuseFull(row, await context.ticketRates.peek(system.id, write, context.clock.now()));
    },
  };
  try {
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      if (system.kind === 'tracking') await track(delivery, system);
      else await notify(delivery, system);
      // One that is missing is asked for again in an hour, whatever it still has to learn.
      if (!needsDelivery(context, row.ticket) || row.ticket.missingSince !== undefined) break;
    }
    await row.release(succeeded);
  } catch (error) {
    if (error instanceof NotNow) await putOff(context, row, error);
    else if (error instanceof TicketError) await fail(context, system, row, error);
    else if (isStorageTrouble(error)) throw error;
    else await fail(context, system, row, asTicketError(error));
  }
}

/** What puts a ticket off for the next hour spreads by key: they must not all come back at the same second. */
const SPREAD = 10 * MINUTE;

function refuseFull({ ticket: { key } }: TicketRow, until: Date | undefined): void {
  if (until === undefined) return;
  const delay = Number.parseInt(key.slice(3, 11), 16) % SPREAD;
  const spread = new Date(until.getTime() + delay);
  throw new NotNow('as many requests as allowed were sent within the hour', spread);
}

/** The host delivers the message again, or another worker does the work. */
function isStorageTrouble(error: unknown): boolean {
  return isDockwardenError(error, 'STORAGE_UNAVAILABLE') || isDockwardenError(error, 'LEASE_LOST');
}

/** A defect shows on its ticket, and is tried again like a write whose answer was lost; its own words may hold anything. */
function asTicketError(error: unknown): TicketError {
  const what = isDockwardenError(error)
    ? error.message
    : `a defect: ${error instanceof Error ? error.name : 'unknown'}`;
  return new TicketError('outcome-unknown', what, { cause: error });
}

function succeeded(ticket: Ticket): Ticket {
  const well = { ...without(ticket, 'nextAttemptAt', 'lastError', 'failingSince'), attempts: 0 };
  return well.remoteState === 'failed' ? without(well, 'remoteState') : well;
}

async function putOff(context: EngineContext, row: TicketRow, { message, until }: NotNow): Promise<void> {
  await row.release((ticket) => ({
    ...ticket,
    attempts: Math.max(0, ticket.attempts - 1),
    nextAttemptAt: until.toISOString(),
  }));
  context.log.info('ticket put off', { ticketKey: row.ticket.key, because: message, until: until.toISOString() });
  await sendLater(context, row.ticket.key, until);
}

async function fail(context: EngineContext, system: TicketSystem, row: TicketRow, error: TicketError): Promise<void> {
  const now = context.clock.now();
  const { attempts, failingSince = now.toISOString(), lastError, remoteState } = row.ticket;
  const isFirst = row.ticket.failingSince === undefined;
  // What is known to be closed stays so: whether somebody closes it, shows only against that.
  const isLost = remoteState !== 'closed' && now.getTime() - Date.parse(failingSince) >= FAILED_AFTER;
  const message = `${system.id}: ${error.kind}: ${error.message}`.slice(0, 500);
  if (isFirst || message !== lastError) {
    await recordTicket(context, row.ticket, { event: 'ticket-not-delivered', error: message });
  }
  if (isLost && remoteState !== 'failed') {
    await recordTicket(context, row.ticket, { event: 'ticket-failed', error: message });
  }
  const settleMs = error.kind === 'outcome-unknown' && system.kind === 'tracking' ? system.settleMs : 0;
  const own = RETRIES[attempts - 1] ?? LONGEST_RETRY;
  const until = new Date(now.getTime() + Math.max(own, settleMs, error.retryAfterMs ?? 0));
  await row.release((ticket) => ({
    ...ticket,
    failingSince,
    lastError: message,
    nextAttemptAt: until.toISOString(),
    ...(isLost && { remoteState: 'failed' as const }),
  }));
  context.log.warn('ticket not delivered', { ticketKey: row.ticket.key, kind: error.kind, error: message });
  await sendLater(context, row.ticket.key, until);
}

async function sendLater(context: EngineContext, key: string, at: Date): Promise<void> {
  await context.ticketQueue.send(formatTicketMessage({ key }), delayUntil(at, context.clock.now()));
}
