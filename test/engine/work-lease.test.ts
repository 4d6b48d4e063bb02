import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/engine/ports.ts';
import { type WakeUp, WorkLease } from '../../src/engine/work-lease.ts';
import { DockwardenError } from '../../src/errors.ts';
import { parseResourceId } from '../../src/resources/resource-id.ts';
import { createTableWorkItems } from '../../src/work/table-work-items.ts';
import {
  newWorkItem,
  type OpenRun,
  type PendingCause,
  type WorkItem,
  type WorkItems,
  withCause,
} from '../../src/work/work-items.ts';
import { ManualClock } from '../support/engine-harness.ts';
import { MemoryTableStore } from '../support/memory-table-store.ts';

const resource = parseResourceId(
  '/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/rg/providers/Microsoft.ContainerRegistry/registries/one',
);
const RUN: OpenRun = {
  runId: 'run-1',
  policyId: 'p',
  remediationId: 'r',
  startedAt: '2026-11-23T10:00:00.000Z',
  touches: [],
  before: {},
  operations: [],
  resumed: 0,
};

function cause(id: string): PendingCause {
  return { kind: 'event', id, time: '2026-11-23T10:00:00.000Z', queuedAt: '2026-11-23T10:00:00.000Z' };
}

/** A row with one waiting cause, its store, and a clock. */
async function start(change: Partial<WorkItem> = {}) {
  const clock = new ManualClock();
  const work = createTableWorkItems(new MemoryTableStore('work'));
  await work.insert(resource, {
    ...newWorkItem(resource.id),
    pending: [cause('first')],
    knownCauses: ['first'],
    ...change,
  });
  return { clock, work };
}

type Started = Awaited<ReturnType<typeof start>>;

async function acquire({ clock, work }: Started, owner = 'me', wakeUp: WakeUp = {}) {
  return await WorkLease.acquire(work, clock, resource, owner, wakeUp);
}

async function lease(started: Started, owner = 'me', wakeUp: WakeUp = {}): Promise<WorkLease> {
  const acquired = await acquire(started, owner, wakeUp);
  if (acquired.result !== 'leased') throw new Error(`not leased but ${acquired.result}`);
  return acquired.lease;
}

async function itemOf({ work }: Started): Promise<WorkItem | undefined> {
  return (await work.get(resource))?.item;
}

/** Somebody marks the row while it is worked on. */
async function mark({ work }: Started, id: string): Promise<void> {
  const row = await work.get(resource);
  const item = row && withCause(row.item, cause(id));
  if (row === undefined || item === undefined) throw new Error('nothing to mark');
  await work.replace(resource, item, row.etag);
}

/** The first writes are answered; the next one is stored, but its answer is lost. */
function loseAnswer(work: WorkItems, answered: number): WorkItems {
  let writes = 0;
  return {
    ...work,
    async replace(id, item, etag) {
      const written = await work.replace(id, item, etag);
      writes += 1;
      if (writes === answered + 1) throw new DockwardenError('STORAGE_UNAVAILABLE', 'no answer');
      return written;
    },
  };
}

/** Every write meets somebody else's. */
function collideAlways(work: WorkItems): WorkItems {
  return {
    ...work,
    insert: async () => await Promise.resolve(undefined),
    replace: async () => await Promise.resolve(undefined),
  };
}

describe('asking for a resource', () => {
  it('leases it for two minutes, with the causes that wait', async () => {
    const started = await start();

    const held = await lease(started);

    expect(held.causes.map(({ id }) => id)).toEqual(['first']);
    expect(held.remainingMs).toBe(LIMITS.lease);
    expect(await itemOf(started)).toMatchObject({
      leaseOwner: 'me',
      leaseUntil: '2026-11-23T10:02:00.000Z',
      pending: [cause('first')],
    });
  });

  it('makes the row when there is none and the message brings a cause', async () => {
    const clock = new ManualClock();
    const work = createTableWorkItems(new MemoryTableStore('work'));

    const acquired = await WorkLease.acquire(work, clock, resource, 'me', { cause: cause('sweep') });

    expect(acquired.result).toBe('leased');
    expect((await work.get(resource))?.item).toMatchObject({ resourceId: resource.id, knownCauses: ['sweep'] });
  });

  it.each([[{}], [{ cause: cause('first') }]])(
    'is not needed when nothing is marked, or only what is known already: %j',
    async (wakeUp) => {
      const started = await start({ pending: [] });

      expect(await acquire(started, 'me', wakeUp)).toEqual({ result: 'clean' });
      expect(await itemOf(started)).not.toHaveProperty('leaseOwner');
    },
  );

  it('is needed when only a run is open', async () => {
    const started = await start({ pending: [], run: RUN });

    expect((await lease(started)).item.run).toEqual(RUN);
  });

  it('says until when somebody else holds it, the difference of clocks included', async () => {
    const started = await start();
    await lease(started, 'other');

    for (const waitedMs of [0, LIMITS.lease, LIMITS.leaseSkew - 1]) {
      started.clock.advance(waitedMs);
      expect(await acquire(started)).toEqual({ result: 'held', until: new Date('2026-11-23T10:02:30.000Z') });
    }
    started.clock.advance(1);
    expect(await acquire(started)).toMatchObject({ result: 'leased' });
  });

  it('gives a worker its own lease again: the answer to its first try was lost', async () => {
    const started = await start();
    const first = WorkLease.acquire(loseAnswer(started.work, 0), started.clock, resource, 'me', {});
    await expect(first).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });

    expect(await acquire(started, 'other')).toMatchObject({ result: 'held' });
    expect(await acquire(started, 'me')).toMatchObject({ result: 'leased' });
  });

  it('waits for the scheduled time, except for the very message that was sent for it', async () => {
    const notBefore = '2026-11-23T10:05:00.000Z';
    const started = await start({ notBefore });

    expect(await acquire(started)).toEqual({ result: 'scheduled' });
    expect(await acquire(started, 'me', { notBefore: '2026-11-23T10:04:00.000Z' })).toEqual({ result: 'scheduled' });
    expect(await acquire(started, 'me', { notBefore })).toMatchObject({ result: 'leased' });
  });

  it.each([
    ['alert', true],
    ['operator', true],
    ['notification', false],
    ['event', false],
  ] as const)('waits for the scheduled time, but not with %s that nobody has looked at: %s', async (kind, isUrgent) => {
    const waiting = { ...cause('later'), kind };
    const notBefore = '2026-11-23T12:00:00.000Z';

    const fresh = await start({ pending: [waiting], notBefore });
    expect((await acquire(fresh)).result).toBe(isUrgent ? 'leased' : 'scheduled');
    const seen = await start({ pending: [{ ...waiting, isSeen: true }], notBefore });
    expect((await acquire(seen)).result).toBe('scheduled');
  });

  it('needs no particular message once the scheduled time has come', async () => {
    const started = await start({ notBefore: '2026-11-23T10:05:00.000Z' });
    started.clock.advance(300_000);

    expect(await acquire(started)).toMatchObject({ result: 'leased' });
  });

  it('goes to exactly one of several workers', async () => {
    const started = await start();

    const all = await Promise.all(['a', 'b', 'c', 'd'].map(async (owner) => await acquire(started, owner)));

    expect(all.map(({ result }) => result).toSorted()).toEqual(['held', 'held', 'held', 'leased']);
  });

  it.each([[{}], [{ cause: cause('other') }]])(
    'gives up when the row is written by others all the time: %j',
    async (wakeUp) => {
      const { clock, work } = await start();
      const colliding = collideAlways(work);

      const acquiring = WorkLease.acquire(colliding, clock, resource, 'me', wakeUp);

      await expect(acquiring).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
    },
  );
});

describe('a lease', () => {
  it('is renewed only when a call might not fit into it any more', async () => {
    const started = await start();
    const held = await lease(started);

    started.clock.advance(LIMITS.lease - LIMITS.leaseRenewal);
    await held.ensure();
    expect(held.remainingMs).toBe(LIMITS.leaseRenewal);
    started.clock.advance(1);
    await held.ensure();

    expect(held.remainingMs).toBe(LIMITS.lease);
  });

  it('is renewed by storing the run', async () => {
    const started = await start();
    const held = await lease(started);
    started.clock.advance(10_000);

    await held.storeRun(RUN);

    expect(held.item.run).toEqual(RUN);
    expect(await itemOf(started)).toMatchObject({ run: RUN, leaseUntil: '2026-11-23T10:02:10.000Z' });
  });

  it('is renewed although somebody has marked the row meanwhile, and loses no mark', async () => {
    const started = await start();
    const held = await lease(started);
    await mark(started, 'second');

    await held.storeRun(RUN);

    expect(await itemOf(started)).toMatchObject({ run: RUN, leaseOwner: 'me', knownCauses: ['first', 'second'] });
    expect(held.causes.map(({ id }) => id)).toEqual(['first']);
  });

  it('that ran out and was taken over is lost, and the successor is left alone', async () => {
    const started = await start();
    const held = await lease(started);
    started.clock.advance(LIMITS.lease + LIMITS.leaseSkew);
    await lease(started, 'successor');

    await expect(held.ensure()).rejects.toMatchObject({ code: 'LEASE_LOST' });
    await expect(held.storeRun(RUN)).rejects.toMatchObject({ code: 'LEASE_LOST' });
    expect(await held.finish()).toBe('released');
    await held.suspend({ attempt: 1, run: RUN });
    await held.abandon();

    expect(await itemOf(started)).toMatchObject({ leaseOwner: 'successor', pending: [cause('first')] });
    expect(await itemOf(started)).not.toHaveProperty('run');
  });

  it('that ran out but was not taken over is still there to be renewed', async () => {
    const started = await start();
    const held = await lease(started);
    started.clock.advance(LIMITS.lease + LIMITS.leaseSkew);

    await held.ensure();

    expect(held.remainingMs).toBe(LIMITS.lease);
  });

  it('is renewed again when the answer to the renewal was lost', async () => {
    const started = await start();
    const held = await lease({ ...started, work: loseAnswer(started.work, 1) });
    await expect(held.storeRun(RUN)).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });

    await held.storeRun({ ...RUN, resumed: 1 });

    expect(await itemOf(started)).toMatchObject({ run: { resumed: 1 }, leaseOwner: 'me' });
  });

  it('stops its worker when the row is written by others all the time', async () => {
    const started = await start();
    let isColliding = false;
    const colliding = collideAlways(started.work);
    const work: WorkItems = {
      ...started.work,
      replace: async (...args) => await (isColliding ? colliding : started.work).replace(...args),
    };
    const held = await lease({ ...started, work });
    isColliding = true;

    await expect(held.storeRun(RUN)).rejects.toMatchObject({ code: 'LEASE_LOST' });
    await expect(held.finish()).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
  });
});

describe('giving a resource back', () => {
  it('when the work is done leaves nothing but its identity and what is known', async () => {
    const started = await start({
      run: RUN,
      attempt: 4,
      waitingSince: '2026-11-23T09:00:00.000Z',
      missingSince: '2026-11-23T09:00:00.000Z',
    });
    const held = await lease(started);

    expect(await held.finish()).toBe('released');

    expect(await itemOf(started)).toEqual({ resourceId: resource.id, knownCauses: ['first'], pending: [], attempt: 0 });
  });

  it('keeps what was done with the resource, and that there are alerts', async () => {
    const changes = [{ time: '2026-11-23T10:00:00.000Z', operation: 'write', actor: 'somebody' }];
    const done = await start({ changes, hasAlerts: true });
    await (await lease(done)).finish();
    expect(await itemOf(done)).toMatchObject({ changes, hasAlerts: true, pending: [] });

    const waiting = await start({ changes, hasAlerts: true });
    await (await lease(waiting)).suspend({ attempt: 1 });
    expect(await itemOf(waiting)).toMatchObject({ changes, hasAlerts: true, attempt: 1 });
  });

  it('is refused while something has come in: the lease stays, with the new causes alone', async () => {
    const started = await start();
    const held = await lease(started);
    await mark(started, 'second');

    expect(await held.finish()).toBe('dirty');

    expect(held.causes.map(({ id }) => id)).toEqual(['second']);
    expect(await itemOf(started)).toMatchObject({ leaseOwner: 'me' });
    expect(await held.finish()).toBe('released');
    expect(await itemOf(started)).toMatchObject({ pending: [], knownCauses: ['first', 'second'] });
  });

  it('is refused as well when the renewal before it has already seen what came in', async () => {
    const started = await start();
    const held = await lease(started);
    await mark(started, 'second');
    await held.storeRun(RUN);

    expect(await held.finish()).toBe('dirty');
    expect(held.causes.map(({ id }) => id)).toEqual(['second']);
  });

  it('for later keeps the causes and says how things stand', async () => {
    const started = await start();
    const held = await lease(started);
    await mark(started, 'second');

    await held.suspend({ attempt: 2, run: RUN, notBefore: '2026-11-23T11:00:00.000Z', previousRunId: 'run-0' });

    expect(await itemOf(started)).toEqual({
      resourceId: resource.id,
      knownCauses: ['first', 'second'],
      pending: [{ ...cause('first'), isSeen: true }, cause('second')],
      attempt: 2,
      run: RUN,
      notBefore: '2026-11-23T11:00:00.000Z',
      previousRunId: 'run-0',
    });
  });

  it('after a failure keeps everything but the lease, so that the next worker need not wait', async () => {
    const started = await start({ run: RUN, attempt: 3 });
    const held = await lease(started);

    await held.abandon();

    expect(await itemOf(started)).toMatchObject({ run: RUN, attempt: 3, pending: [cause('first')] });
    expect(await acquire(started, 'next')).toMatchObject({ result: 'leased' });
  });

  it('whose answer was lost has happened all the same', async () => {
    const started = await start();
    const held = await lease({ ...started, work: loseAnswer(started.work, 1) });

    await expect(held.finish()).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });

    expect(await itemOf(started)).toMatchObject({ pending: [], attempt: 0 });
    expect(await acquire(started, 'next')).toEqual({ result: 'clean' });
  });
});
