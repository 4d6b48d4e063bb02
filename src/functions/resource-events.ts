import { app, type InvocationContext } from '@azure/functions';
import { createContext } from '../app.ts';
import { acceptEvents } from '../engine/accept.ts';
import { functionLog } from './function-log.ts';

/** Takes in events; one handler whichever way they come. Throws only while storage fails, so that they come again. */
async function handle(message: unknown, invocation: InvocationContext): Promise<void> {
  await acceptEvents(createContext(functionLog(invocation)), message);
}

/** Event Grid → storage queue: needs no deployed endpoint, and has its own poison queue. */
export function registerResourceEvents(name: string): void {
  app.storageQueue(name, { queueName: 'resource-events', connection: 'AzureWebJobsStorage', handler: handle });
}

/** Event Grid → Functions webhook, for those who prefer push. */
export function registerResourceEventsWebhook(name: string): void {
  app.eventGrid(name, { handler: handle });
}
