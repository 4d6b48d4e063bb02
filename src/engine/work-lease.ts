import { DockwardenError } from '../errors.ts';
import type { ResourceId } from '../resources/resource-id.ts';
import type { Versioned } from '../versioned.ts';
import {
  newWorkItem,
  type OpenRun,
  type PendingCause,
  rememberedOf,
  type WorkItem,
  type WorkItems,
  withCause,
} from '../work/work-items.ts';
import { type Clock, LIMITS } from './ports.ts';

/** Writes of one row that may collide before somebody gives up. */
const MAX_COLLISIONS = 10;

/** Result of asking for a resource. */
export type Acquired =
  | { readonly result: 'leased'; readonly lease: WorkLease }
  /** Nothing is marked: a coalesced or repeated message. */
  | { readonly result: 'clean' }
  /** A wake-up for later is already in the queue. */
  | { readonly result: 'scheduled' }
  | { readonly result: 'held'; readonly until: Date };

/** What a message brings along. */
export interface WakeUp {
  readonly cause?: PendingCause;
  /** The time that this message was sent for. */
  readonly notBefore?: string;
}

/** What of the row outlives this worker. */
export type WaitState = Partial<
  Pick<WorkItem, 'run' | 'notBefore' | 'waitingSince' | 'missingSince' | 'previousRunId' | 'previousPolicyId'>
> & {
  readonly attempt: number;
};

/** The right to work on one resource. Renewed by ETag; whoever loses it must not call Azure any more. */
export class WorkLease {
  readonly #work: WorkItems;
  readonly #clock: Clock;
  readonly #resource: ResourceId;
  readonly #owner: string;
  #row: Versioned<WorkItem>;
  #causes: readonly PendingCause[];
  /** Ids of all causes that this worker has looked at, over all its passes. */
  readonly #seen: Set<string>;

  private constructor(work: WorkItems, clock: Clock, resource: ResourceId, owner: string, row: Versioned<WorkItem>) {
    this.#work = work;
    this.#clock = clock;
    this.#resource = resource;
    this.#owner = owner;
    this.#row = row;
    this.#causes = row.item.pending;
    this.#seen = new Set(this.#causes.map(({ id }) => id));
  }

  static async acquire(
    work: WorkItems,
    clock: Clock,
    resource: ResourceId,
    owner: string,
    wakeUp: WakeUp,
  ): Promise<Acquired> {
    for (let collision = 0; collision < MAX_COLLISIONS; collision += 1) {
      const row = await work.get(resource);
      const item = row?.item ?? newWorkItem(resource.id);
      const until = heldUntil(item);
      const now = clock.now();
      if (item.leaseOwner !== undefined && item.leaseOwner !== owner && until > now) return { result: 'held', until };
      const marked = wakeUp.cause === undefined ? item : (withCause(item, wakeUp.cause) ?? item);
      if (marked.pending.length === 0 && marked.run === undefined) return { result: 'clean' };
      // Azure may have asked us to wait for hours; what is urgent is not to wait for that.
      if (!isUrgent(marked) && isScheduledLater(item, wakeUp, now)) return { result: 'scheduled' };
      const leased = { ...marked, leaseOwner: owner, leaseUntil: after(now, LIMITS.lease) };
      const written =
        row === undefined ? await work.insert(resource, leased) : await work.replace(resource, leased, row.etag);
      if (written === undefined) continue;
      return { result: 'leased', lease: new WorkLease(work, clock, resource, owner, written) };
    }
    throw new DockwardenError('STORAGE_UNAVAILABLE', 'the work row is written by others all the time', {
      resourceId: resource.id,
    });
  }

  /** No lease at all, for a look that leaves no trace: it knows this row, and has none that it could write. */
  static none(work: WorkItems, clock: Clock, resource: ResourceId, item: WorkItem): WorkLease {
    return new WorkLease(work, clock, resource, 'nobody', { item, etag: 'none' });
  }

  get item(): WorkItem {
    return this.#row.item;
  }

  /** Causes that this worker looks at. */
  get causes(): readonly PendingCause[] {
    return this.#causes;
  }

  /** Milliseconds that are left. */
  get remainingMs(): number {
    return leaseEnd(this.#row.item) - this.#clock.now().getTime();
  }

  /** Stores the run (before its intent, or with its progress) and renews the lease. */
  async storeRun(run: OpenRun): Promise<void> {
    await this.#renew({ run });
  }

  /** Makes sure that a mutating call fits into the lease. */
  async ensure(): Promise<void> {
    if (this.remainingMs < LIMITS.leaseRenewal) await this.#renew({});
  }

  /**
   * Gives the resource back when its work is done. `dirty`: something came in meanwhile, so the lease is still held, `causes` are the
   * new ones, and the work has to be done once more.
   */
  async finish(): Promise<'released' | 'dirty'> {
    return await this.#release((item) => {
      const fresh = this.#freshCauses(item);
      if (fresh.length > 0) return undefined;
      return { pending: [], attempt: 0 };
    });
  }

  /** Gives the resource back with its causes: a wake-up message has been sent, and the next worker goes on from this state. */
  async suspend(state: WaitState): Promise<void> {
    await this.#release(({ pending }) => ({ pending: pending.map((cause) => this.#markSeen(cause)), ...state }));
  }

  /** Gives the resource back as it is, because this worker has failed: whoever comes next need not wait for the lease to run out. */
  async abandon(): Promise<void> {
    await this.#release(({ leaseOwner: _owner, leaseUntil: _until, notBefore: _due, ...state }) => state);
  }

  /** What came in while this worker was busy is a matter of its own: it has not waited yet. */
  forgetWaiting(): void {
    const { attempt: _attempt, waitingSince: _since, missingSince: _missing, ...rest } = this.#row.item;
    const { previousRunId: _run, previousPolicyId: _policy, ...item } = rest;
    this.#row = { item: { ...item, attempt: 0 }, etag: this.#row.etag };
  }

  async #release(
    next: (item: WorkItem) => (WaitState & Pick<WorkItem, 'pending'>) | undefined,
  ): Promise<'released' | 'dirty'> {
    for (let collision = 0; collision < MAX_COLLISIONS; collision += 1) {
      const { item, etag } = this.#row;
      const state = next(item);
      if (state === undefined) {
        this.#causes = this.#freshCauses(item);
        for (const { id } of this.#causes) this.#seen.add(id);
        return 'dirty';
      }
      // Everything but identity and memory is replaced: what is not in `state` is over.
      const written = await this.#work.replace(this.#resource, { ...rememberedOf(item), ...state }, etag);
      if (written !== undefined) return 'released';
      if (!(await this.#reload())) return 'released';
    }
    throw new DockwardenError('STORAGE_UNAVAILABLE', 'the lease could not be released', {
      resourceId: this.#resource.id,
    });
  }

  /** What came in meanwhile stays fresh: an alert among it does not wait. */
  #markSeen(cause: PendingCause): PendingCause {
    return this.#seen.has(cause.id) ? { ...cause, isSeen: true } : cause;
  }

  #freshCauses(item: WorkItem): readonly PendingCause[] {
    return item.pending.filter(({ id }) => !this.#seen.has(id));
  }

  async #renew(change: { readonly run?: OpenRun }): Promise<void> {
    for (let collision = 0; collision < MAX_COLLISIONS; collision += 1) {
      const leaseUntil = after(this.#clock.now(), LIMITS.lease);
      const written = await this.#work.replace(
        this.#resource,
        { ...this.#row.item, ...change, leaseUntil },
        this.#row.etag,
      );
      if (written !== undefined) {
        this.#row = written;
        return;
      }
      if (!(await this.#reload())) break;
    }
    throw new DockwardenError('LEASE_LOST', 'another worker has taken over this resource', {
      resourceId: this.#resource.id,
    });
  }

  /** False when the lease is no longer ours. */
  async #reload(): Promise<boolean> {
    const row = await this.#work.get(this.#resource);
    if (row?.item.leaseOwner !== this.#owner) return false;
    this.#row = row;
    return true;
  }
}

/** The time from which another worker may take over. */
function heldUntil(item: WorkItem): Date {
  return new Date(leaseEnd(item) + LIMITS.leaseSkew);
}

function leaseEnd({ leaseUntil = '1970-01-01T00:00:00Z' }: WorkItem): number {
  return Date.parse(leaseUntil);
}

/** Has an operator asked for something, or Defender raised an alert, that nobody has looked at? */
function isUrgent({ pending }: WorkItem): boolean {
  return pending.some(({ isSeen, kind }) => (kind === 'operator' || kind === 'alert') && isSeen !== true);
}

function isScheduledLater(item: WorkItem, wakeUp: WakeUp, now: Date): boolean {
  if (item.notBefore === undefined || Date.parse(item.notBefore) <= now.getTime()) return false;
  // The very message that was sent for this time may come a moment early: clocks differ.
  return wakeUp.notBefore !== item.notBefore;
}

function after(now: Date, ms: number): string {
  return new Date(now.getTime() + ms).toISOString();
}
