import { app, type InvocationContext, type Timer } from '@azure/functions';
import { createContext, reportConfiguration } from '../app.ts';
import { sweepResources } from '../engine/sweep.ts';
import { functionLog } from './function-log.ts';

async function handle(_timer: Timer, invocation: InvocationContext): Promise<void> {
  const context = createContext(functionLog(invocation));
  await reportConfiguration(context);
  await sweepResources(context);
}

export function registerSweep(name: string): void {
  app.timer(name, { schedule: '%SWEEP_SCHEDULE%', handler: handle });
}
