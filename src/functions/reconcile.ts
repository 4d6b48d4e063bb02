import { app, type InvocationContext } from '@azure/functions';
import { createContext, openContext, reportConfiguration } from '../app.ts';
import { keepPoison } from '../engine/poison.ts';
import type { EngineContext } from '../engine/ports.ts';
import { putBack, reconcile } from '../engine/reconcile.ts';
import { isDockwardenError } from '../errors.ts';
import { parseWorkMessage, type WorkMessage } from '../events/work-message.ts';
import { functionLog } from './function-log.ts';

async function handle(message: unknown, invocation: InvocationContext): Promise<void> {
  const log = functionLog(invocation);
  let work: WorkMessage;
  try {
    work = parseWorkMessage(message);
  } catch (error) {
    if (!isDockwardenError(error)) throw error;
    // Trying again cannot make it readable.
    await keepPoison(createContext(log), 'work', message, error.message);
    return;
  }
  let context: EngineContext;
  try {
    context = await openContext(log);
  } catch (error) {
    if (!isDockwardenError(error, 'STORAGE_UNAVAILABLE')) throw error;
    await putBack(createContext(log), work, error);
    return;
  }
  await reportConfiguration(context);
  await reconcile(context, work, invocation.invocationId);
}

export function registerReconcile(name: string): void {
  app.storageQueue(name, { queueName: 'work', connection: 'AzureWebJobsStorage', handler: handle });
}
