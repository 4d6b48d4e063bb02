import { disallowedByPolicy, type PolicyAssignment, scopeLocked } from './errors.ts';
import type { Json } from './json.ts';
import { isWithin } from './resource-path.ts';

/** A management lock. It holds for its scope and everything below. */
export interface Lock {
  readonly scope: string;
  readonly name: string;
  readonly level: 'CanNotDelete' | 'ReadOnly';
  readonly notes?: string;
}

/** What a policy with effect `deny` looks at. */
export interface PolicyRequest {
  readonly method: string;
  /** Id of the resource written. */
  readonly id: string;
  readonly body: Json | undefined;
}

export interface PolicyDeny {
  readonly policy: PolicyAssignment;
  readonly denies: (request: PolicyRequest) => boolean;
}

interface Busy {
  /** Refused until this instant. */
  until?: Date;
  /** Refused this many times more. */
  times?: number;
  readonly operationId: string;
  readonly startedAt: Date;
}

/** What stands between an authorised caller and a write: locks, policies, and resources that are busy. */
export class Guards {
  /** Tests and seeds add and remove freely. */
  readonly locks: Lock[] = [];
  readonly policyDenies: PolicyDeny[] = [];
  readonly #busy = new Map<string, Busy>();

  /** Throws ScopeLocked. ReadOnly stops every write and action, CanNotDelete only DELETE. */
  checkLocks(method: string, id: string): void {
    const operation = method === 'DELETE' ? 'delete' : 'write';
    const blocking = this.locks.filter(
      (lock) => isWithin(id, lock.scope) && (lock.level === 'ReadOnly' || operation === 'delete'),
    );
    const scopes = blocking.map((lock) => lock.scope);
    if (scopes.length > 0) throw scopeLocked(id, operation, scopes);
  }

  /** Throws RequestDisallowedByPolicy. */
  checkPolicies(request: PolicyRequest): void {
    const deny = this.policyDenies.find((candidate) => candidate.denies(request));
    if (deny) throw disallowedByPolicy(request.id.split('/').at(-1) ?? '', deny.policy);
  }

  /** Marks a resource busy until an instant, or for a number of refused writes. */
  setBusy(id: string, how: { until: Date } | { times: number }, operationId: string, startedAt: Date): void {
    this.#busy.set(id.toLowerCase(), { ...how, operationId, startedAt });
  }

  clearBusy(id: string): void {
    this.#busy.delete(id.toLowerCase());
  }

  /** The operation that refuses a write now, if any; counts one refusal. */
  takeBusy(id: string, now: Date): { operationId: string; startedAt: Date } | undefined {
    const key = id.toLowerCase();
    const busy = this.#busy.get(key);
    if (!busy) return undefined;
    const over = busy.until ? busy.until <= now : (busy.times ?? 0) <= 0;
    if (over) {
      this.#busy.delete(key);
      return undefined;
    }
    if (busy.times !== undefined) busy.times -= 1;
    return busy;
  }
}
