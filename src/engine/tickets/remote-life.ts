import type { Ticket } from '../../tickets/ticket.ts';
import type { RemoteTicket } from '../../tickets/ticket-system.ts';
import type { TicketEvent } from './life-cycle.ts';
import { after, changed, forgetRemote, suppress, without } from './ticket-columns.ts';

/** The ticket after the other system told something about it. */
export interface RemoteStep {
  readonly ticket: Ticket;
  readonly event?: TicketEvent;
}

/** A ticket that a person closed as not to be fixed is left alone for this time, in milliseconds. */
const WONT_FIX_SUPPRESSION = 90 * 24 * 3_600_000;
/** The other system does not know it, at two checks at least this far apart: it is gone. */
const MISSING = 3_600_000;

/** The ticket after the other system told how it stands there. Undefined = as expected. */
export function afterRemote(known: Ticket, remote: RemoteTicket, now: Date): RemoteStep | undefined {
  if (remote.state === 'closed') return afterRemoteClosed(known, remote, now);
  if (known.remoteState === 'open') return undefined;
  const open: Ticket = { ...known, remoteState: 'open' };
  if (known.remoteState !== 'closed') return { ticket: open };
  if (known.state === 'suppressed') {
    const back = without(open, 'suppressUntil', 'suppressedEvidence', 'suppressedSeverity');
    return { ticket: { ...back, state: 'open' }, event: 'ticket-reopened-by-hand' };
  }
  // Our own reopening may have got through before its answer was lost.
  if (known.appliedSequence !== known.sequence) return { ticket: open };
  // Also where we had closed it: people may have more to do about it, and it is not closed a second time.
  const again = without(open, 'closedByHandAt');
  // What has changed while it was closed has not been told.
  const ticket = known.state === 'open' ? { ...again, sequence: again.sequence + 1 } : again;
  return { ticket, event: 'ticket-reopened-by-hand' };
}

function afterRemoteClosed(known: Ticket, { closedAs = 'fixed' }: RemoteTicket, now: Date): RemoteStep | undefined {
  // Whoever closed it as fixed may say later that it is not to be fixed.
  const isCorrected = known.state === 'open' && known.closedByHandAt !== undefined && closedAs !== 'fixed';
  if (known.remoteState === 'closed' && !isCorrected) return undefined;
  const closed: Ticket = { ...without(known, 'closedByHandAt'), remoteState: 'closed' };
  if (known.state !== 'open') return { ticket: closed };
  if (closedAs !== 'fixed') return suppress(closed, WONT_FIX_SUPPRESSION, now);
  return { ticket: { ...closed, closedByHandAt: now.toISOString() }, event: 'ticket-closed-by-hand' };
}

/** The other system does not know it: at the second check an hour later it counts as deleted, and gets one successor. */
export function afterMissing(known: Ticket, now: Date): RemoteStep {
  const since = known.missingSince ?? now.toISOString();
  if (now < after(since, MISSING)) return { ticket: { ...known, missingSince: since, checkedAt: now.toISOString() } };
  const gone: Ticket = {
    ...forgetRemote(known),
    remoteState: 'gone',
    generation: known.generation + 1,
    generationSince: now.toISOString(),
  };
  if (known.state !== 'open') return { ticket: gone };
  // Deleted again after we made it anew: somebody does not want it.
  if (known.humanReopens > 0) return suppress(gone, WONT_FIX_SUPPRESSION, now);
  const again = { ...changed(gone, 'opened'), humanReopens: known.humanReopens + 1 };
  return { ticket: again, event: 'ticket-recreated' };
}
