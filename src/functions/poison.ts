import { app, type InvocationContext } from '@azure/functions';
import { createContext } from '../app.ts';
import { keepPoison } from '../engine/poison.ts';
import { functionLog } from './function-log.ts';

/** Empties one poison queue: every message becomes a blob and an audit row. */
function registerPoison(name: string, queue: string): void {
  app.storageQueue(name, {
    queueName: `${queue}-poison`,
    connection: 'AzureWebJobsStorage',
    async handler(message: unknown, invocation: InvocationContext) {
      await keepPoison(createContext(functionLog(invocation)), queue, message, 'every delivery of this message failed');
    },
  });
}

export function registerResourceEventsPoison(name: string): void {
  registerPoison(name, 'resource-events');
}

export function registerReconcilePoison(name: string): void {
  registerPoison(name, 'work');
}

export function registerTicketsPoison(name: string): void {
  registerPoison(name, 'tickets');
}

export function registerEventsPoison(name: string): void {
  registerPoison(name, 'events');
}
