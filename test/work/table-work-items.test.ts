import { TableClient } from '@azure/data-tables';
import { describe, expect, it } from 'vitest';
import { parseResourceId } from '../../src/resources/resource-id.ts';
import { createTableStore, type TableStore } from '../../src/storage/table-store.ts';
import { createTableWorkItems } from '../../src/work/table-work-items.ts';
import { LIMITS, newWorkItem, type PendingCause, type WorkItem, withCause } from '../../src/work/work-items.ts';
import { MemoryTableStore } from '../support/memory-table-store.ts';
import { claimStorageAccount } from '../support/storage.ts';

const { table: endpoint, credential } = claimStorageAccount();
let tables = 0;
const stores: Readonly<Record<string, () => TableStore>> = {
  'in memory': () => new MemoryTableStore('work'),
  'in Azurite': () => {
    tables += 1;
    return createTableStore(new TableClient(endpoint, `work${tables}`, credential));
  },
};

function registry(name: string) {
  return parseResourceId(
    `/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/rg/providers/Microsoft.ContainerRegistry/registries/${name}`,
  );
}

const RESOURCE = registry('one');
const CAUSE: PendingCause = {
  kind: 'event',
  id: 'event-1',
  time: '2026-11-23T10:00:00.000Z',
  queuedAt: '2026-11-23T10:00:01.000Z',
  operation: 'Microsoft.ContainerRegistry/registries/write',
  actor: { id: 'somebody', type: 'User' },
};
const FULL: WorkItem = {
  resourceId: RESOURCE.id,
  pending: [CAUSE],
  knownCauses: ['event-0', 'event-1'],
  changes: [{ time: '2026-11-23T10:00:00.000Z', operation: 'write', actor: 'somebody', correlationId: 'c-1' }],
  hasAlerts: true,
  leaseOwner: 'worker',
  leaseUntil: '2026-11-23T10:02:00.000Z',
  run: {
    runId: 'run-1',
    policyId: 'acr-admin-user-disabled',
    remediationId: 'acr-disable-admin-user',
    startedAt: '2026-11-23T10:00:00.000Z',
    touches: ['/properties/adminUserEnabled'],
    before: { '/properties/adminUserEnabled': true },
    operations: [
      { operation: 'registries.update', effect: 'write', args: [{ adminUserEnabled: false }], result: 'done' },
    ],
    verifyingSince: '2026-11-23T10:00:05.000Z',
    resumed: 1,
  },
  notBefore: '2026-11-23T10:05:00.000Z',
  attempt: 3,
  waitingSince: '2026-11-23T10:00:00.000Z',
  missingSince: '2026-11-23T10:00:00.000Z',
  previousRunId: 'run-0',
  previousPolicyId: 'acr-admin-user-disabled',
};

const noInvalid = (error: Error): never => {
  throw error;
};

describe.each(Object.entries(stores))('work items %s', (_name, create) => {
  it('come back as they were stored, by whatever spelling of the id', async () => {
    const work = createTableWorkItems(create());

    const written = await work.insert(RESOURCE, FULL);

    const read = await work.get(parseResourceId(RESOURCE.id.toUpperCase()));
    expect(read).toEqual({ item: FULL, etag: written?.etag });
    expect(await work.get(registry('other'))).toBeUndefined();
  });

  it('are inserted once and replaced only in the version that was read', async () => {
    const work = createTableWorkItems(create());
    const first = await work.insert(RESOURCE, newWorkItem(RESOURCE.id));

    expect(await work.insert(RESOURCE, FULL)).toBeUndefined();
    const second = await work.replace(RESOURCE, FULL, first?.etag ?? '');
    expect(second?.item).toEqual(FULL);
    expect(await work.replace(RESOURCE, newWorkItem(RESOURCE.id), first?.etag ?? '')).toBeUndefined();
    const last = await work.replace(RESOURCE, newWorkItem(RESOURCE.id), second?.etag ?? '');
    expect(await work.get(RESOURCE)).toEqual({ item: newWorkItem(RESOURCE.id), etag: last?.etag });
  });

  it('with something left to do are listed: a waiting cause, or a run; the others are not', async () => {
    const work = createTableWorkItems(create());
    const { run, ...idle } = { ...newWorkItem(''), run: FULL.run };
    await work.insert(registry('idle'), { ...idle, resourceId: 'idle' });
    await work.insert(registry('caused'), { ...idle, resourceId: 'caused', pending: [CAUSE] });
    if (run !== undefined) await work.insert(registry('open'), { ...idle, resourceId: 'open', run });

    const left = await Array.fromAsync(work.leftovers(noInvalid), ({ resourceId }) => resourceId);

    expect(left.toSorted()).toEqual(['caused', 'open']);
  });

  it('that somebody has damaged are refused when asked for, and reported when listed', async () => {
    const table = create();
    const work = createTableWorkItems(table);
    await work.insert(RESOURCE, FULL);
    const [row] = await Array.fromAsync(table.all());
    if (row === undefined) throw new Error('no row');
    await table.putAll(row.partitionKey, [{ rowKey: row.rowKey, columns: { ...row.columns, run: '{"half":' } }]);
    const reported: string[] = [];

    const left = await Array.fromAsync(work.leftovers(({ code }) => reported.push(code)));

    expect(left).toEqual([]);
    expect(reported).toEqual(['INPUT_INVALID_ROW']);
    await expect(work.get(RESOURCE)).rejects.toMatchObject({
      code: 'INPUT_INVALID_ROW',
      message: expect.stringMatching(/check run$/),
    });
  });
});

function idsAfter(causes: readonly PendingCause[]): readonly string[] {
  return causes.reduce((item, cause) => withCause(item, cause) ?? item, newWorkItem('r')).pending.map(({ id }) => id);
}

describe('a cause', () => {
  it('that is known marks nothing', () => {
    const { actor: _actor, ...plain } = CAUSE;
    const marked = withCause(newWorkItem('r'), plain);

    expect(marked).toEqual({ resourceId: 'r', pending: [plain], knownCauses: ['event-1'], attempt: 0 });
    expect(withCause({ ...newWorkItem('r'), knownCauses: ['event-1'] }, CAUSE)).toBeUndefined();
  });

  it('pushes out the oldest when there are too many', () => {
    let item: WorkItem = newWorkItem('r');
    for (let count = 0; count < 100; count += 1) item = withCause(item, { ...CAUSE, id: `event-${count}` }) ?? item;

    expect(item.pending.map(({ id }) => id)).toEqual(
      Array.from({ length: LIMITS.pending }, (_, index) => `event-${84 + index}`),
    );
    expect(item.knownCauses).toHaveLength(LIMITS.knownCauses);
    expect(item.knownCauses.at(-1)).toBe('event-99');
  });

  const REQUEST: PendingCause = {
    ...CAUSE,
    kind: 'operator',
    id: 'request',
    request: { action: 'release', policyId: 'acr-admin-user-disabled' },
  };

  function actions(count: number, operation = (_index: number) => 'a/b/regenerateCredential/action') {
    return Array.from({ length: count }, (_, index) => ({
      ...CAUSE,
      id: `action-${index}`,
      operation: operation(index),
    }));
  }

  it.each([
    ['17 times the same action', actions(17)],
    ['17 different actions', actions(17, (index) => `a/b/do${index}/action`)],
    ['17 deletions', actions(17).map((cause) => ({ ...cause, deleted: true as const }))],
    ['100 writes', Array.from({ length: 100 }, (_, index) => ({ ...CAUSE, id: `write-${index}` }))],
  ])('that is a request is pushed out by nothing that comes after it: %s', (_what, others) => {
    const left = idsAfter([REQUEST, ...others]);

    expect(left).toContain('request');
    expect(left).toHaveLength(LIMITS.pending);
    expect(left.at(-1)).toBe(others.at(-1)?.id);
  });

  it('of which eight are requests keeps all of them, whatever comes between', () => {
    const requests = Array.from({ length: 8 }, (_, index) => ({ ...REQUEST, id: `request-${index}` }));

    const left = idsAfter([...requests, ...actions(40)]);

    expect(left.slice(0, 8)).toEqual(requests.map(({ id }) => id));
    expect(left.at(-1)).toBe('action-39');
  });

  it('that only says "look" goes first, then the action that was done again since, then the oldest action', () => {
    const looks = Array.from({ length: 2 }, (_, index) => ({ ...CAUSE, id: `look-${index}` }));
    const twice = actions(2).map((cause, index) => ({ ...cause, id: `twice-${index}` }));
    const different = actions(13, (index) => `a/b/do${index}/action`);
    const gone = { ...CAUSE, id: 'gone', deleted: true as const };
    const all = [gone, ...looks, ...twice, ...different];

    expect(idsAfter(all)).not.toContain('look-0');
    expect(idsAfter(all)).not.toContain('look-1');
    const one = idsAfter([...all, { ...CAUSE, id: 'more', operation: 'a/b/more/action' }]);
    expect(one).toContain('gone');
    expect(one).not.toContain('twice-0');
    expect(one).toContain('twice-1');
    const more = Array.from({ length: 2 }, (_, index) => ({
      ...CAUSE,
      id: `m${index}`,
      operation: `x/${index}/action`,
    }));
    expect(idsAfter([...all, ...more])).not.toContain('gone');
  });

  it('pushes out the oldest request where there is nothing else', () => {
    const requests = Array.from({ length: 17 }, (_, index) => ({ ...REQUEST, id: `request-${index}` }));

    expect(idsAfter(requests)).toEqual(requests.slice(1).map(({ id }) => id));
  });
});
