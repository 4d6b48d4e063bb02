import { app, type InvocationContext, type Timer } from '@azure/functions';
import { flushMetrics, openContext, reportConfiguration } from '../app.ts';
import { sweepResources } from '../engine/sweep.ts';
import { DockwardenError } from '../errors.ts';
import { functionLog } from './function-log.ts';

async function handle(_timer: Timer, invocation: InvocationContext): Promise<void> {
  const context = await openContext(functionLog(invocation));
  await reportConfiguration(context);
  const { complete } = await sweepResources(context);
  // An alert watches for sweeps that do not come: theirs are not to be lost with a worker that is killed.
  await flushMetrics();
  // What was seen is dealt with; failing makes the host try again soon instead of at the next schedule.
  if (!complete)
    throw new DockwardenError('AZURE_TRANSIENT', 'the sweep is incomplete: the audit says what could not be read');
}

export function registerSweep(name: string): void {
  app.timer(name, {
    schedule: '%SWEEP_SCHEDULE%',
    retry: { strategy: 'fixedDelay', maxRetryCount: 2, delayInterval: { minutes: 5 } },
    handler: handle,
  });
}
