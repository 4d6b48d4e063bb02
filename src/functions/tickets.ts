import { app, type InvocationContext } from '@azure/functions';
import { createContext, openContext } from '../app.ts';
import { keepPoison } from '../engine/poison.ts';
import { deliverTicket } from '../engine/tickets/deliver.ts';
import { isDockwardenError } from '../errors.ts';
import { parseTicketMessage, type TicketMessage } from '../events/ticket-message.ts';
import { functionLog } from './function-log.ts';

async function handle(message: unknown, invocation: InvocationContext): Promise<void> {
  const log = functionLog(invocation);
  let ticket: TicketMessage;
  try {
    ticket = parseTicketMessage(message);
  } catch (error) {
    if (!isDockwardenError(error)) throw error;
    // Trying again cannot make it readable.
    await keepPoison(createContext(log), 'tickets', message, error.message);
    return;
  }
  await deliverTicket(await openContext(log), ticket, invocation.invocationId);
}

export function registerTickets(name: string): void {
  app.storageQueue(name, { queueName: 'tickets', connection: 'AzureWebJobsStorage', handler: handle });
}
