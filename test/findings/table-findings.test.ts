import { TableClient } from '@azure/data-tables';
import { describe, expect, it } from 'vitest';
import type { Finding } from '../../src/findings/findings.ts';
import { createTableFindings } from '../../src/findings/table-findings.ts';
import { createTableSweepRecords } from '../../src/guards/sweep-record.ts';
import { parseResourceId } from '../../src/resources/resource-id.ts';
import { createTableStore, type TableStore } from '../../src/storage/table-store.ts';
import { MemoryTableStore } from '../support/memory-table-store.ts';
import { claimStorageAccount } from '../support/storage.ts';

const { table: endpoint, credential } = claimStorageAccount();
let tables = 0;
const stores: Readonly<Record<string, () => TableStore>> = {
  'in memory': () => new MemoryTableStore('findings'),
  'in Azurite': () => {
    tables += 1;
    return createTableStore(new TableClient(endpoint, `findings${tables}`, credential));
  },
};

const SUBSCRIPTION = '00000000-0000-4000-8000-00000000000A';

function registry(name: string, subscription = SUBSCRIPTION) {
  return parseResourceId(
    `/subscriptions/${subscription}/resourceGroups/rg/providers/Microsoft.ContainerRegistry/registries/${name}`,
  );
}

function finding(name: string, policyId: string, subscription = SUBSCRIPTION): Finding {
  return {
    resourceId: registry(name, subscription).id,
    subscriptionId: subscription,
    policyId,
    severity: 'high',
    status: 'open',
    verdict: 'violation',
    evidence: '{"adminUserEnabled":true}',
    since: '2026-11-23T10:00:00.000Z',
    updated: '2026-11-23T10:00:00.000Z',
    attempts: 2,
  };
}

const noInvalid = (error: Error): never => {
  throw error;
};

describe.each(Object.entries(stores))('findings %s', (_name, create) => {
  it('of one resource are exactly its own, by whatever spelling of the id', async () => {
    const findings = createTableFindings(create());
    const own = [finding('one', 'a-policy'), finding('one', 'b-policy')];
    await findings.save(
      registry('one'),
      own.map((item) => ({ item })),
    );
    await findings.save(registry('two'), [{ item: finding('two', 'a-policy') }]);

    const found = await findings.ofResource(parseResourceId(registry('one').id.toUpperCase()));
    expect(found.map(({ item }) => item)).toEqual(own);
    expect(await findings.ofResource(registry('nobody'))).toEqual([]);
  });

  it('are replaced whole when they are saved again', async () => {
    const findings = createTableFindings(create());
    const [first] = (await findings.save(registry('one'), [{ item: finding('one', 'a-policy') }])) ?? [];
    const { evidence: _gone, ...next } = { ...finding('one', 'a-policy'), status: 'closed' as const };

    const written = await findings.save(registry('one'), [{ ...first, item: next }]);

    expect(written).toMatchObject([{ item: next }]);
    expect(await findings.ofResource(registry('one'))).toEqual(written);
  });

  it('are all left as they are when somebody else has written one of them', async () => {
    const findings = createTableFindings(create());
    const [mine] = (await findings.save(registry('one'), [{ item: finding('one', 'a-policy') }])) ?? [];
    const [theirs] = (await findings.save(registry('one'), [{ ...mine, item: finding('one', 'a-policy') }])) ?? [];

    const changed = { ...finding('one', 'a-policy'), attempts: 7 };
    const late = [{ item: finding('one', 'b-policy') }, { ...mine, item: changed }];
    expect(await findings.save(registry('one'), late)).toBeUndefined();
    expect(await findings.save(registry('one'), [{ item: changed }])).toBeUndefined();

    expect(await findings.ofResource(registry('one'))).toEqual([theirs]);
  });

  it('are listed by subscription in any spelling, and all together', async () => {
    const findings = createTableFindings(create());
    const other = '00000000-0000-4000-8000-00000000000b';
    await findings.save(registry('one'), [{ item: finding('one', 'a-policy') }]);
    await findings.save(registry('two', other), [{ item: finding('two', 'a-policy', other) }]);

    const ofFirst = await Array.fromAsync(findings.ofSubscription(SUBSCRIPTION.toLowerCase(), noInvalid));
    const all = await Array.fromAsync(findings.all(noInvalid), ({ resourceId }) => resourceId);

    expect(ofFirst).toMatchObject([finding('one', 'a-policy')]);
    expect(all.toSorted()).toEqual([registry('one').id, registry('two', other).id].toSorted());
  });

  it('that somebody has damaged are refused for their resource, and reported in lists', async () => {
    const table = create();
    const findings = createTableFindings(table);
    await findings.save(registry('one'), [{ item: finding('one', 'a-policy') }]);
    await findings.save(registry('two'), [{ item: finding('two', 'a-policy') }]);
    const rows = await Array.fromAsync(table.all());
    const damaged = rows.find(({ columns }) => columns['resourceId'] === registry('one').id);
    if (damaged === undefined) throw new Error('no row');
    await table.putAll(damaged.partitionKey, [
      { rowKey: damaged.rowKey, columns: { ...damaged.columns, attempts: 'two' } },
    ]);
    const reported: string[] = [];

    const listed = await Array.fromAsync(findings.all(({ message }) => reported.push(message)));

    expect(listed).toMatchObject([finding('two', 'a-policy')]);
    expect(reported).toEqual([expect.stringContaining('check attempts')]);
    await expect(findings.ofResource(registry('one'))).rejects.toMatchObject({ code: 'INPUT_INVALID_ROW' });
  });

  it('leave room for the record of the last sweep beside them', async () => {
    const sweeps = createTableSweepRecords(create());
    const [startedAt, finishedAt] = ['2026-07-15T06:00:00.000Z', '2026-07-15T06:00:09.000Z'];
    const record = { startedAt, finishedAt, complete: false, resources: 1, queued: 0 };

    expect(await sweeps.last()).toBeUndefined();
    await sweeps.save(record);
    await sweeps.save({ ...record, complete: true });

    expect(await sweeps.last()).toEqual({ ...record, complete: true });
  });
});
