import { DockwardenError } from '../../errors.ts';
import type { Ticket, VersionedTicket } from '../../tickets/ticket.ts';
import type { EngineContext } from '../ports.ts';
import { without } from './ticket-columns.ts';

/** How long a worker may talk to the other system about one ticket, in milliseconds. */
const LEASE = 120_000;
/** Writes of one row that may collide with a look at the resource. */
const MAX_TRIES = 5;

/**
 * The row of one ticket while this worker holds its lease. Looks at the resource may write it at the same time: what is changed here is changed
 * on the newest row, as long as the lease is still ours.
 */
export class TicketRow {
  readonly #context: EngineContext;
  readonly #owner: string;
  #stored: VersionedTicket;

  private constructor(context: EngineContext, owner: string, stored: VersionedTicket) {
    this.#context = context;
    this.#owner = owner;
    this.#stored = stored;
  }

  /** Undefined = somebody else was faster. */
  static async claim(context: EngineContext, stored: VersionedTicket, owner: string): Promise<TicketRow | undefined> {
    const { ticket, etag } = stored;
    const leased = { ...ticket, ...leaseOf(owner, context), attempts: ticket.attempts + 1 };
    const written = await context.tickets.replace(leased, etag);
    return written === undefined ? undefined : new TicketRow(context, owner, written);
  }

  get ticket(): Ticket {
    return this.#stored.ticket;
  }

  /** Stores a change. Throws `LEASE_LOST` when another worker has taken over. */
  async change(change: (ticket: Ticket) => Ticket): Promise<void> {
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const { ticket, etag } = this.#stored;
      const written = await this.#context.tickets.replace(change(ticket), etag);
      if (written !== undefined) {
        this.#stored = written;
        return;
      }
      const fresh = await this.#context.tickets.get(ticket.key);
      if (fresh?.ticket.leaseOwner !== this.#owner) throw lost(ticket.key);
      this.#stored = fresh;
    }
    throw new DockwardenError('STORAGE_UNAVAILABLE', `ticket ${this.ticket.key} is written by others all the time`);
  }

  /**
   * Right before a create: throws `LEASE_LOST` unless nobody has taken over, however long this worker was paused. Should it die now, nobody else
   * creates before the search can be trusted, `settleMs` milliseconds after the create.
   */
  async renew(settleMs: number): Promise<void> {
    await this.changeUnlessKnown((ticket) => ({ ...ticket, ...leaseOf(this.#owner, this.#context, settleMs) }));
  }

  /** As `change`, while the ticket is not known to be in the other system: throws `LEASE_LOST` when somebody has stored that it is. */
  async changeUnlessKnown(change: (ticket: Ticket) => Ticket): Promise<void> {
    await this.change((ticket) => {
      if (ticket.remoteId !== undefined) throw lost(ticket.key);
      return change(ticket);
    });
  }

  async release(change: (ticket: Ticket) => Ticket): Promise<void> {
    await this.change((ticket) => without(change(ticket), 'leaseOwner', 'leaseUntil'));
  }
}

function leaseOf(leaseOwner: string, { clock }: EngineContext, extraMs = 0) {
  return { leaseOwner, leaseUntil: new Date(clock.now().getTime() + LEASE + extraMs).toISOString() };
}

function lost(key: string): DockwardenError {
  return new DockwardenError('LEASE_LOST', `another worker has taken over ticket ${key}`);
}
