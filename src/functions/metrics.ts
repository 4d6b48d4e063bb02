import { app } from '@azure/functions';
import { flushMetrics } from '../app.ts';

/** What was measured since the last export is sent before the worker ends. */
export function registerMetricsFlush(): void {
  app.hook.appTerminate(async () => {
    await flushMetrics();
  });
}
