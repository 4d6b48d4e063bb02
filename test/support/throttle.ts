import type { Fault } from '../../local/azure/faults.ts';
import type { EngineHarness } from './engine-harness.ts';

/** Azure asks whoever sends such a request to wait for an hour. */
export function throttle({ simulator }: EngineHarness, requests: Omit<Fault, 'effect'>): void {
  const body = { error: { code: 'Throttled', message: 'later' } };
  const effect = { kind: 'answer', status: 429, headers: { 'retry-after': '3600' }, body } as const;
  simulator.faults.add({ ...requests, effect });
}
