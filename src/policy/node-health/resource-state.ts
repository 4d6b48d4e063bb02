import type { AgentPool, ManagedCluster } from '../../resources/managed-cluster.ts';
import { type Judgement, undecided } from './detection.ts';

/** Why a cluster or pool is not judged at the moment. */
export type Pause =
  /** There is nothing to judge. */
  | { readonly kind: 'not-applicable'; readonly because: string }
  /** The last verdict stands until Azure has finished. */
  | { readonly kind: 'undecided'; readonly because: Judgement };

const FINISHED = new Set(['succeeded', 'failed', 'canceled', 'cancelled']);

/** Undefined = the cluster can be judged. */
export function pauseOfCluster({ properties: { powerState, provisioningState } }: ManagedCluster): Pause | undefined {
  const missing = powerState.code === undefined ? 'properties.powerState.code' : 'properties.provisioningState';
  if (powerState.code === undefined || provisioningState === undefined) {
    return { kind: 'undecided', because: undecided('state-unknown', missing) };
  }
  return pauseOf('the cluster', powerState.code, provisioningState);
}

/** Undefined = the pool can be judged; a state that is not told does not stand in the way. */
export function pauseOfPool({ powerState, provisioningState = 'Succeeded' }: AgentPool): Pause | undefined {
  return pauseOf('the pool', powerState.code, provisioningState);
}

function pauseOf(what: string, power: string | undefined, provisioning: string): Pause | undefined {
  const state = provisioning.trim().toLowerCase();
  if (power?.trim().toLowerCase() === 'stopped') return { kind: 'not-applicable', because: `${what} is stopped` };
  if (state === 'creating') return { kind: 'not-applicable', because: `${what} is being created` };
  if (state === 'deleting') return { kind: 'not-applicable', because: `${what} is being deleted` };
  if (FINISHED.has(state)) return undefined;
  return { kind: 'undecided', because: undecided('being-changed', `${what} is being changed`) };
}
