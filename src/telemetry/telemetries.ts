import type { Metrics } from './metrics.ts';
import type { Telemetry } from './open-telemetry.ts';
import type { TelemetryTarget } from './target.ts';

/** One telemetry for each place that metrics are sent to: each has a timer, and lives as long as the worker. */
export interface Telemetries {
  /** Tells, once, that what was measured before could not be sent. */
  find(target: TelemetryTarget, log: Warnings): Metrics;
  /** Sends what waits, for at most so many milliseconds. Never rejects. */
  flush(deadlineMs: number): Promise<void>;
}

interface Warnings {
  warn(message: string, details: Readonly<Record<string, unknown>>): void;
}

export function createTelemetries(open: (target: TelemetryTarget) => Telemetry): Telemetries {
  const opened = new Map<string, Telemetry>();
  return {
    find(target, log) {
      const key = JSON.stringify(target);
      const telemetry = opened.get(key) ?? open(target);
      opened.set(key, telemetry);
      const problem = telemetry.takeProblem();
      if (problem !== undefined) log.warn('metrics cannot be sent', { error: problem });
      return telemetry;
    },
    async flush(deadlineMs) {
      await Promise.all([...opened.values()].map(async (telemetry) => await telemetry.flush(deadlineMs)));
    },
  };
}
