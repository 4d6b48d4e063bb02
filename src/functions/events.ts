import { app, type InvocationContext } from '@azure/functions';
import { createContext, createPublishingContext } from '../app.ts';
import { keepPoison } from '../engine/poison.ts';
import { publishRecord } from '../engine/publish.ts';
import { isDockwardenError } from '../errors.ts';
import { type OutboundMessage, parseOutboundMessage } from '../events/outbound-message.ts';
import { functionLog } from './function-log.ts';

async function handle(message: unknown, invocation: InvocationContext): Promise<void> {
  const log = functionLog(invocation);
  let row: OutboundMessage;
  try {
    row = parseOutboundMessage(message);
  } catch (error) {
    if (!isDockwardenError(error)) throw error;
    // Trying again cannot make it readable.
    await keepPoison(createContext(log), 'events', message, error.message);
    return;
  }
  await publishRecord(createPublishingContext(log), row);
}

export function registerEvents(name: string): void {
  app.storageQueue(name, { queueName: 'events', connection: 'AzureWebJobsStorage', handler: handle });
}
