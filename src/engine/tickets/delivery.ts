import type { TicketWrite } from '../../guards/ticket-rates.ts';
import type { EngineContext } from '../ports.ts';
import type { TicketRow } from './ticket-row.ts';

/** Thrown when nothing has failed, but this is not the moment: as many requests were sent as may be, or another ticket stands for this one. */
export class NotNow extends Error {
  readonly until: Date;

  constructor(because: string, until: Date) {
    super(because);
    this.until = until;
  }
}

/** What bringing one ticket to the configured system needs. */
export interface Delivery {
  readonly context: EngineContext;
  readonly row: TicketRow;
  readonly signal: AbortSignal;
  /** Takes a place at the rate guard, before each write to the other system. Throws `NotNow` when there is none. */
  admit(write: TicketWrite): Promise<void>;
  /** Throws `NotNow` when there is no place left, and takes none. */
  ensurePlace(write: TicketWrite): Promise<void>;
}
