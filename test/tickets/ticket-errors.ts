import { TicketError } from '../../src/tickets/ticket-system.ts';

/** The error that a call must end with; anything else, also another class of error, fails the test. */
export async function ticketErrorOf(call: Promise<unknown>): Promise<TicketError> {
  const outcome = await call.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if ('value' in outcome) throw new Error(`expected a TicketError, got ${JSON.stringify(outcome.value)}`);
  if (outcome.error instanceof TicketError) return outcome.error;
  throw new Error('expected a TicketError, got another error', { cause: outcome.error });
}
