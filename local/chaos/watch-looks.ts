import type { EngineContext } from '../../src/engine/ports.ts';
import type { WorkItem } from '../../src/work/work-items.ts';
import type { WorkerNote } from './worker-messages.ts';

/** The context of one invocation of `reconcile`, with a note for every look that it takes at a live resource, and for a lease that is taken away. */
export function watchLooks(context: EngineContext, owner: string, tell: (note: WorkerNote) => void): EngineContext {
  const { clock, work, findings } = context;
  /** The row as this worker last saw it. */
  let row: WorkItem | undefined;
  let isTakenOver = false;
  /** End of the lease that this worker holds. */
  let heldUntil: number | undefined;
  let looks = 0;

  function seeLease(before: WorkItem | undefined, after: WorkItem | undefined): void {
    row = after ?? before;
    if (after === undefined) return;
    heldUntil = after.leaseOwner === owner ? Date.parse(after.leaseUntil ?? '') : undefined;
    const isAcquired = after.leaseOwner === owner && before?.leaseOwner !== owner;
    if (!isAcquired) return;
    isTakenOver = before?.leaseOwner !== undefined || (before?.run !== undefined && before.attempt === 0);
  }

  return {
    ...context,
    work: {
      ...work,
      async get(resource) {
        const found = await work.get(resource);
        row = found?.item;
        const holder = row?.leaseOwner;
        const isRobbed = heldUntil !== undefined && clock.now().getTime() < heldUntil;
        if (isRobbed && holder !== undefined && holder !== owner) tell({ type: 'robbed', resource: resource.key });
        return found;
      },
      async insert(resource, item) {
        const written = await work.insert(resource, item);
        seeLease(row, written?.item);
        return written;
      },
      async replace(resource, item, etag) {
        const written = await work.replace(resource, item, etag);
        seeLease(row, written?.item);
        return written;
      },
    },
    findings: {
      ...findings,
      // Every pass begins with this call, and nothing else makes it.
      async ofResource(resource) {
        looks += 1;
        const { attempt = 0, pending = [], resourceId = '' } = row ?? {};
        tell({
          type: 'look',
          resource: resourceId.toLowerCase(),
          causes: pending.map(({ id, kind }) => ({ id, kind })),
          // A second look of the same worker is about what came in meanwhile.
          attempt: looks === 1 ? attempt : 0,
          isTakenOver: looks === 1 && isTakenOver,
        });
        return await findings.ofResource(resource);
      },
    },
  };
}
