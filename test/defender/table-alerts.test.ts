import { TableClient } from '@azure/data-tables';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Alerts } from '../../src/defender/alerts.ts';
import { createTableAlerts } from '../../src/defender/table-alerts.ts';
import type { DockwardenError } from '../../src/errors.ts';
import type { DefenderAlert } from '../../src/resources/defender.ts';
import { parseResourceId, type ResourceId } from '../../src/resources/resource-id.ts';
import { hashOf } from '../../src/storage/resource-key.ts';
import { createTableStore, type PrunableTableStore } from '../../src/storage/table-store.ts';
import { MemoryTableStore } from '../support/memory-table-store.ts';
import { claimStorageAccount } from '../support/storage.ts';

const { table: endpoint, credential } = claimStorageAccount();
let tables = 0;
const stores: Readonly<Record<string, () => PrunableTableStore>> = {
  'in memory': () => new MemoryTableStore('alerts'),
  'in Azurite': () => {
    tables += 1;
    return createTableStore(new TableClient(endpoint, `alerts${tables}`, credential));
  },
};

const START = Date.parse('2026-08-20T12:00:00.000Z');
const DAY = 24;
/** So many hours later. */
const at = (hours: number) => new Date(START + hours * 3_600_000).toISOString();

function registry(name = 'shop') {
  return parseResourceId(
    `/subscriptions/00000000-0000-4000-8000-00000000000A/resourceGroups/rg/providers/Microsoft.ContainerRegistry/registries/${name}`,
  );
}

function alert(id: string, change: Partial<DefenderAlert> = {}): DefenderAlert {
  const raisedAt = change.raisedAt ?? at(0);
  return {
    id,
    type: 'ARM_AnomalousOperation.CredentialAccess',
    severity: 'High',
    title: 'Somebody reads credentials',
    description: 'What happened.',
    intent: 'CredentialAccess',
    steps: 'Ask.',
    links: 'https://portal.azure.com/',
    raisedAt,
    changedAt: raisedAt,
    receivedAt: raisedAt,
    status: 'active',
    ...change,
  };
}

async function refuse(): Promise<void> {
  await Promise.reject(new Error('no answer'));
}

/** A table in which somebody else is always first, so many times. */
function contested(times: number, method: 'insert' | 'replace'): MemoryTableStore {
  let left = times;
  return new (class extends MemoryTableStore {
    override async insert(...args: Parameters<MemoryTableStore['insert']>) {
      left -= method === 'insert' ? 1 : 0;
      return left >= 0 && method === 'insert' ? false : await super.insert(...args);
    }
    override async replace(...args: Parameters<MemoryTableStore['replace']>) {
      left -= method === 'replace' ? 1 : 0;
      return left >= 0 && method === 'replace' ? false : await super.replace(...args);
    }
  })('alerts');
}

describe.each(Object.entries(stores))('alerts %s', (_name, create) => {
  let table: PrunableTableStore;
  let alerts: Alerts;
  let invalid: DockwardenError[];
  let forgotten: string[];
  const report = (error: DockwardenError): void => {
    invalid.push(error);
  };

  beforeEach(() => {
    table = create();
    alerts = createTableAlerts(table);
    invalid = [];
    forgotten = [];
  });

  const save = async (of: ResourceId, saved: DefenderAlert) =>
    await alerts.save(of, saved, async (gone) => {
      // Nothing goes before somebody was told.
      expect(await ids()).toEqual(expect.arrayContaining([...gone]));
      forgotten.push(...gone);
    });
  const known = async (of = registry()) => await alerts.ofResource(of, report);
  const ids = async () => (await known()).map(({ id }) => id);

  /** Somebody edits the first row; returns the id of its alert. */
  async function damage(change: Readonly<Record<string, string>>): Promise<string> {
    const [row] = await Array.fromAsync(table.range(hashOf(registry())));
    if (row === undefined) throw new Error('there is no row');
    const id = String(row.columns['id']);
    const { partitionKey, rowKey } = row;
    await table.replace({ partitionKey, rowKey }, { ...alert(id), ...change }, row.etag);
    return id;
  }

  it('are none of a resource that none was told about', async () => {
    expect(await known()).toEqual([]);
  });

  it('come back as they were saved, newest first, whatever the spelling of the id, and for no other resource', async () => {
    expect(await save(registry(), alert('one', { raisedAt: at(1) }))).toBe('stored');
    expect(await save(registry(), alert('two', { raisedAt: at(3) }))).toBe('stored');
    expect(await save(registry(), alert('three', { raisedAt: at(2) }))).toBe('stored');
    expect(await save(registry('other'), alert('four'))).toBe('stored');

    expect(await known(parseResourceId(registry().id.toUpperCase()))).toEqual([
      alert('two', { raisedAt: at(3) }),
      alert('three', { raisedAt: at(2) }),
      alert('one', { raisedAt: at(1) }),
    ]);
    expect(await known(registry('other'))).toEqual([alert('four')]);
    expect(invalid).toEqual([]);
  });

  it('lie in the partition of their resource, with its id for people', async () => {
    await save(registry(), alert('one'));

    const rows = await Array.fromAsync(table.range(hashOf(registry())));
    expect(rows.map(({ columns }) => columns['resourceId'])).toEqual([registry().id]);
  });

  it('are no news the second time, and keep when they first came', async () => {
    await save(registry(), alert('one'));

    expect(await save(registry(), alert('one', { receivedAt: at(5) }))).toBe('known');
    expect(await save(registry(), alert('ONE', { receivedAt: at(5) }))).toBe('known');
    expect(await known()).toEqual([alert('one')]);
  });

  it('are taken in with ids that keys may not have', async () => {
    const odd = ['2517_cdcf/1', 'a\\b#c?d', '..', 'ü'.repeat(100)];
    for (const id of odd) expect(await save(registry(), alert(id))).toBe('stored');

    expect((await ids()).toSorted()).toEqual(odd.toSorted());
  });

  it('hold the longest texts that are read', async () => {
    const long = alert('one', { description: 'x'.repeat(4000), steps: 'y'.repeat(4000), links: 'z'.repeat(4000) });
    await save(registry(), long);

    expect(await known()).toEqual([long]);
  });

  it('are closed by what came later', async () => {
    await save(registry(), alert('one'));

    expect(await save(registry(), alert('one', { status: 'closed', changedAt: at(1), receivedAt: at(2) }))).toBe(
      'stored',
    );
    expect(await known()).toEqual([alert('one', { status: 'closed', changedAt: at(1) })]);
    expect(await save(registry(), alert('one', { status: 'closed', changedAt: at(1) }))).toBe('known');
  });

  it('are closed when both come from the same moment, in either order', async () => {
    await save(registry(), alert('one'));

    expect(await save(registry(), alert('one', { status: 'closed' }))).toBe('stored');
    expect(await save(registry(), alert('one'))).toBe('known');
    expect(await known()).toMatchObject([{ status: 'closed' }]);
  });

  it('stay as they are for what is older', async () => {
    await save(registry(), alert('one', { changedAt: at(5) }));
    expect(await save(registry(), alert('one', { status: 'closed', changedAt: at(4) }))).toBe('known');
    expect(await known()).toMatchObject([{ status: 'active' }]);

    await save(registry(), alert('one', { status: 'closed', changedAt: at(6) }));
    expect(await save(registry(), alert('one', { changedAt: at(5) }))).toBe('known');
    expect(await known()).toMatchObject([{ status: 'closed' }]);
  });

  it('are opened again by what came later, and are heard of anew then', async () => {
    await save(registry(), alert('one'));
    await save(registry(), alert('one', { status: 'closed', changedAt: at(1), receivedAt: at(2) }));

    expect(await save(registry(), alert('one', { changedAt: at(2), receivedAt: at(3) }))).toBe('reopened');
    expect(await known()).toEqual([alert('one', { changedAt: at(2), receivedAt: at(3), isReopened: true })]);
  });

  it('keep when they were opened again, however often that is told and whatever changes in them', async () => {
    await save(registry(), alert('one'));
    await save(registry(), alert('one', { status: 'closed', changedAt: at(1) }));
    await save(registry(), alert('one', { changedAt: at(2), receivedAt: at(3) }));

    await save(registry(), alert('one', { changedAt: at(2), receivedAt: at(4) }));
    await save(registry(), alert('one', { changedAt: at(4), receivedAt: at(5) }));
    expect(await known()).toMatchObject([{ status: 'active', receivedAt: at(3) }]);
    await save(registry(), alert('one', { status: 'closed', changedAt: at(5), receivedAt: at(6) }));
    await save(registry(), alert('one', { changedAt: at(6), receivedAt: at(7) }));
    expect(await known()).toMatchObject([{ status: 'active', receivedAt: at(7) }]);
  });

  it('say each time that they were opened again, because who heard it first may have died over it', async () => {
    await save(registry(), alert('one'));
    await save(registry(), alert('one', { status: 'closed', changedAt: at(1) }));
    await save(registry(), alert('one', { changedAt: at(2) }));

    expect(await save(registry(), alert('one', { changedAt: at(2) }))).toBe('reopened');
    expect(await save(registry(), alert('one', { changedAt: at(3) }))).toBe('reopened');
    expect(await save(registry(), alert('one', { changedAt: at(2) }))).toBe('known');
    expect(await save(registry(), alert('one', { status: 'closed', changedAt: at(4) }))).toBe('stored');
    expect(await known()).toEqual([alert('one', { status: 'closed', changedAt: at(4) })]);
  });

  it('keep the spelling of their id, by which their ticket is known', async () => {
    await save(registry(), alert('one'));
    await save(registry(), alert('ONE', { status: 'closed', changedAt: at(1) }));

    expect(await known()).toMatchObject([{ id: 'one', status: 'closed' }]);
  });

  it('stay open although that they were closed in between is told last', async () => {
    await save(registry(), alert('one'));
    expect(await save(registry(), alert('one', { changedAt: at(3), title: 'Told anew' }))).toBe('known');
    expect(await save(registry(), alert('one', { status: 'closed', changedAt: at(2) }))).toBe('known');

    expect(await known()).toEqual([alert('one', { changedAt: at(3), title: 'Told anew' })]);
  });

  it('that were closed before anybody heard of them are of no interest', async () => {
    expect(await save(registry(), alert('one', { status: 'closed' }))).toBe('unheard');
    expect(await known()).toEqual([]);
  });

  it('that somebody has damaged are reported and passed over, and mended by what Defender says', async () => {
    await save(registry(), alert('one'));
    await save(registry(), alert('two'));
    const damaged = await damage({ severity: 'Worst' });

    expect(await ids()).toHaveLength(1);
    expect(invalid.map(({ code }) => code)).toEqual(['INPUT_INVALID_ROW']);
    expect(await save(registry(), alert(damaged, { receivedAt: at(9) }))).toBe('reopened');
    expect((await known()).find(({ id }) => id === damaged)).toEqual(
      alert(damaged, { receivedAt: at(9), isReopened: true }),
    );
    await damage({ severity: 'Worst' });
    expect(await save(registry(), alert(damaged, { status: 'closed' }))).toBe('stored');
  });

  it('are forgotten when they are over: two weeks after they were closed, 100 days after they were raised', async () => {
    await save(registry(), alert('old'));
    await save(registry(), alert('closed'));
    await save(registry(), alert('closed', { status: 'closed', changedAt: at(86 * DAY) }));

    await save(registry(), alert('now', { raisedAt: at(100 * DAY) }));
    expect((await ids()).toSorted()).toEqual(['closed', 'now', 'old']);
    await save(registry(), alert('later', { raisedAt: at(100 * DAY + 1) }));
    expect((await ids()).toSorted()).toEqual(['later', 'now']);
  });

  it('keep a row that cannot be read when others are forgotten', async () => {
    await save(registry(), alert('damaged'));
    await damage({ raisedAt: 'long ago' });
    await save(registry(), alert('old'));

    await save(registry(), alert('now', { raisedAt: at(101 * DAY) }));

    expect(await Array.fromAsync(table.range(hashOf(registry())))).toHaveLength(2);
    expect(await ids()).toEqual(['now']);
  });

  it('are 200 of one resource at most: those that were raised first give way, and not unnoticed', async () => {
    for (let index = 0; index < 203; index += 1)
      await save(registry(), alert(`a${index}`, { raisedAt: at(index / 100), receivedAt: at(5) }));

    const left = await ids();
    expect(left).toHaveLength(200);
    for (const gone of ['a0', 'a1', 'a2']) expect(left).not.toContain(gone);
    expect(forgotten).toEqual(['a0', 'a1', 'a2']);
  });

  it('drive out no other when they are told again and there is no room for them', async () => {
    for (let index = 0; index < 201; index += 1)
      await save(registry(), alert(`a${index}`, { raisedAt: at(index / 100) }));
    const before = (await ids()).toSorted();

    expect(await save(registry(), alert('a0', { raisedAt: at(0), receivedAt: at(9) }))).toBe('forgotten');
    expect(await save(registry(), alert('a0', { raisedAt: at(0), receivedAt: at(9) }))).toBe('forgotten');
    expect((await ids()).toSorted()).toEqual(before);
    expect(forgotten).toEqual(['a0', 'a0', 'a0']);
  });

  it('are chosen in the same way of those from the same moment', async () => {
    for (const id of ['b', 'a', 'c']) await save(registry(), alert(id));
    for (let index = 0; index < 199; index += 1) await save(registry(), alert(`n${index}`, { raisedAt: at(1) }));
    expect(forgotten).toEqual(['c', 'b']);

    expect(await save(registry(), alert('b'))).toBe('forgotten');
    expect(await ids()).toContain('a');
  });

  it('stay when nobody could be told that they go', async () => {
    for (let index = 0; index < 200; index += 1) await save(registry(), alert(`a${index}`));

    const saving = alerts.save(registry(), alert('new', { raisedAt: at(1) }), refuse);
    await expect(saving).rejects.toThrow('no answer');
    expect(await ids()).toHaveLength(201);
    // The next one that is new makes room for both.
    await save(registry(), alert('newer', { raisedAt: at(2) }));
    expect(await ids()).toHaveLength(200);
    expect(await ids()).toEqual(expect.arrayContaining(['new', 'newer']));
    expect(forgotten).toHaveLength(2);
  });

  it('that are too old when they come in do not go without a word', async () => {
    await save(registry(), alert('old'));

    expect(await save(registry(), alert('older', { raisedAt: at(-1), receivedAt: at(100 * DAY) }))).toBe('forgotten');
    expect(await ids()).toEqual(['old']);
    expect(forgotten).toEqual(['older']);
  });

  it('go without a word when they are closed or over', async () => {
    await save(registry(), alert('old'));
    await save(registry(), alert('closed', { raisedAt: at(99 * DAY) }));
    await save(registry(), alert('closed', { status: 'closed', raisedAt: at(99 * DAY), changedAt: at(100 * DAY) }));
    for (let index = 0; index < 200; index += 1)
      await save(registry(), alert(`a${index}`, { raisedAt: at(101 * DAY) }));

    expect(await ids()).toHaveLength(200);
    expect(await ids()).not.toContain('closed');
    expect(forgotten).toEqual([]);
  });
});

/** Nobody asks what goes. */
async function saveQuietly(alerts: Alerts, one: DefenderAlert): Promise<string> {
  return await alerts.save(registry(), one, async () => await Promise.resolve());
}

describe('whoever raises alerts by the hundred', () => {
  it('drives out none that are worse, and closed ones first', async () => {
    const alerts = createTableAlerts(new MemoryTableStore('alerts'));
    await saveQuietly(alerts, alert('worst'));
    await saveQuietly(alerts, alert('closed'));
    await saveQuietly(alerts, alert('closed', { status: 'closed', changedAt: at(1) }));
    for (let index = 0; index < 199; index += 1)
      await saveQuietly(alerts, alert(`noise${index}`, { severity: 'Low', receivedAt: at(2) }));

    const left = (await alerts.ofResource(registry(), () => undefined)).map(({ id }) => id);
    expect(left).toHaveLength(200);
    expect(left).toContain('worst');
    expect(left).not.toContain('closed');

    await saveQuietly(alerts, alert('more', { severity: 'Low', receivedAt: at(3) }));
    const later = (await alerts.ofResource(registry(), () => undefined)).map(({ id }) => id);
    expect(later).toEqual(expect.arrayContaining(['worst', 'more']));
    expect(later).toHaveLength(200);
  });
});

describe('a row that others write at the same time', () => {
  it.each(['insert', 'replace'] as const)('is read again and written (%s)', async (method) => {
    const alerts = createTableAlerts(contested(9, method));
    await saveQuietly(alerts, alert('one'));
    await saveQuietly(alerts, alert('one', { status: 'closed', changedAt: at(1) }));

    expect(await alerts.ofResource(registry(), () => undefined)).toMatchObject([{ status: 'closed' }]);
  });

  it('ten times is given back, and comes again', async () => {
    const alerts = createTableAlerts(contested(10, 'insert'));

    await expect(saveQuietly(alerts, alert('one'))).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
  });
});
