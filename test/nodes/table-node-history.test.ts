import { TableClient } from '@azure/data-tables';
import { beforeEach, describe, expect, it } from 'vitest';
import { DockwardenError } from '../../src/errors.ts';
import type { InspectionRecord, NodeHistory } from '../../src/nodes/node-history.ts';
import { createTableNodeHistory } from '../../src/nodes/table-node-history.ts';
import type { NodeRecord } from '../../src/resources/node-health.ts';
import { parseResourceId } from '../../src/resources/resource-id.ts';
import { hashOf } from '../../src/storage/resource-key.ts';
import { createTableStore, type PrunableTableStore } from '../../src/storage/table-store.ts';
import { MemoryTableStore } from '../support/memory-table-store.ts';
import { claimStorageAccount } from '../support/storage.ts';

const { table: endpoint, credential } = claimStorageAccount();
let tables = 0;
const stores: Readonly<Record<string, () => PrunableTableStore>> = {
  'in memory': () => new MemoryTableStore('nodes'),
  'in Azurite': () => {
    tables += 1;
    return createTableStore(new TableClient(endpoint, `nodes${tables}`, credential));
  },
};

const START = Date.parse('2026-08-20T12:00:00.000Z');
const HOUR = 3_600_000;
const at = (hours: number) => new Date(START + hours * HOUR).toISOString();

function cluster(name = 'aks-prod') {
  return parseResourceId(
    `/subscriptions/00000000-0000-4000-8000-00000000000A/resourceGroups/rg/providers/Microsoft.ContainerService/managedClusters/${name}`,
  );
}

function record(name: string, change: Partial<NodeRecord> = {}): NodeRecord {
  return { name, pool: 'system', uid: `uid-${name}`, bootId: `boot-${name}`, lastSeenAt: at(0), ...change };
}

function inspectionAt(hours: number, change: Partial<InspectionRecord> = {}): InspectionRecord {
  return { inspectedAt: at(hours), ...change };
}

const NOTHING: ReadonlyMap<string, NodeRecord> = new Map();

/** The whole of a row's possible content. */
const FULL = record('full', {
  bootIdFirstSeen: at(-9),
  previousBootId: 'old',
  previousSeenAt: at(-10),
  kernel: '5.15.0-1089-azure',
  kernelSkewSince: at(-8),
  lastVerdict: 'reboot-missing',
});

describe.each(Object.entries(stores))('the history of nodes %s', (_name, create) => {
  let table: PrunableTableStore;
  let invalid: DockwardenError[];
  const report = (error: DockwardenError): void => {
    invalid.push(error);
  };
  let history: NodeHistory;

  beforeEach(() => {
    table = create();
    invalid = [];
    history = createTableNodeHistory(table);
  });

  async function rowKeys(): Promise<readonly string[]> {
    return await Array.fromAsync(table.all(), ({ rowKey }) => rowKey);
  }

  it('is empty for a cluster that was never looked at', async () => {
    expect(await history.load(cluster(), report)).toEqual({ inspection: undefined, nodes: new Map() });
  });

  it('comes back as it was saved, whatever the spelling of the id, and for no other cluster', async () => {
    const inspection = inspectionAt(0, {
      accessProblem: 'unreachable',
      server: 'https://aks.hcp.westeurope.azmk8s.io',
      certificateAuthority: `-----BEGIN CERTIFICATE-----\n${'A'.repeat(31_000)}\n-----END CERTIFICATE-----\n`,
      credentialsReadAt: at(-1),
      runCommandAt: at(-2),
    });
    await history.save(cluster(), inspection, [FULL, record('n1')], NOTHING);
    await history.save(cluster('other'), inspectionAt(1), [record('n9')], NOTHING);

    expect(await history.load(parseResourceId(cluster().id.toUpperCase()), report)).toEqual({
      inspection,
      nodes: new Map([
        ['full', FULL],
        ['n1', record('n1')],
      ]),
    });
    expect((await history.load(cluster('other'), report)).nodes.size).toBe(1);
    expect(invalid).toEqual([]);
  });

  it('lies in the partition of its cluster', async () => {
    await history.save(cluster(), inspectionAt(0), [record('n1')], NOTHING);

    expect(await Array.fromAsync(table.range(hashOf(cluster())), ({ rowKey }) => rowKey)).toEqual([
      '.inspection',
      'n1',
    ]);
  });

  it('holds more nodes than one transaction takes', async () => {
    const records = Array.from({ length: 230 }, (_, index) => record(`n${index}`));

    await history.save(cluster(), inspectionAt(0), records, NOTHING);

    expect((await history.load(cluster(), report)).nodes.size).toBe(230);
  });

  it('forgets what a later inspection leaves out', async () => {
    await history.save(cluster(), inspectionAt(0, { accessProblem: 'unreachable' }), [FULL], NOTHING);
    const { previousBootId: _gone, ...rest } = FULL;

    await history.save(cluster(), inspectionAt(1), [rest], new Map([['full', FULL]]));

    expect(await history.load(cluster(), report)).toEqual({
      inspection: inspectionAt(1),
      nodes: new Map([['full', rest]]),
    });
  });

  it('is written for a node only when something has changed, or about once per sweep', async () => {
    const records = [record('same'), record('changed'), record('old')];
    await history.save(cluster(), inspectionAt(0), records, NOTHING);
    const { nodes: previous } = await history.load(cluster(), report);
    const lookAt = async (hours: number, change: Partial<NodeRecord> = {}) =>
      await history.save(
        cluster(),
        inspectionAt(hours),
        [record('same', { lastSeenAt: at(hours), ...change })],
        previous,
      );
    const seenAt = async () => (await history.load(cluster(), report)).nodes.get('same')?.lastSeenAt;

    await lookAt(5);
    expect(await seenAt()).toBe(at(0));
    await lookAt(5.5);
    expect(await seenAt()).toBe(at(0));
    await lookAt(6);
    expect(await seenAt()).toBe(at(6));
    await lookAt(2, { bootId: 'another' });
    expect(await seenAt()).toBe(at(2));
  });

  it('keeps nodes that are not seen for 30 days, and no longer', async () => {
    const records = ['gone', 'here', ...Array.from({ length: 120 }, (_, index) => `many${index}`)].map((name) =>
      record(name),
    );
    await history.save(cluster(), inspectionAt(0), records, NOTHING);
    const { nodes: previous } = await history.load(cluster(), report);

    await history.save(cluster(), inspectionAt(30 * 24), [], previous);
    expect((await history.load(cluster(), report)).nodes.size).toBe(122);
    await history.save(cluster(), inspectionAt(31 * 24), [record('here', { lastSeenAt: at(31 * 24) })], previous);

    expect([...(await history.load(cluster(), report)).nodes.keys()]).toEqual(['here']);
  });

  it('takes any name that a node may claim to have', async () => {
    const names = ['a/b\\c#d?e', '%2E', '.inspection', '..', "it's", 'ü\u0001\u009f', 'plain-0'];
    await history.save(
      cluster(),
      inspectionAt(0),
      [...names, 'x'.repeat(600)].map((name) => record(name)),
      NOTHING,
    );

    const { inspection, nodes } = await history.load(cluster(), report);

    expect(new Set(nodes.keys())).toEqual(new Set(names));
    expect(inspection).toEqual(inspectionAt(0));
    expect(invalid).toEqual([]);
  });

  it('leaves out what is too long to be kept, and keeps the rest of the row', async () => {
    await history.save(
      cluster(),
      inspectionAt(0),
      [record('n1', { kernel: 'x'.repeat(100_000), lastVerdict: 'ok' }), record('n2')],
      NOTHING,
    );

    expect((await history.load(cluster(), report)).nodes).toEqual(
      new Map([
        ['n1', record('n1', { lastVerdict: 'ok' })],
        ['n2', record('n2')],
      ]),
    );
  });

  it.each<readonly [string, string, Readonly<Record<string, unknown>>]>([
    ['without a uid', 'n1', { pool: 'system', lastSeenAt: at(0) }],
    ['with a time that is none', 'n1', { pool: 'system', uid: 'u', lastSeenAt: 'yesterday' }],
    ['with a number for a text', 'n1', { pool: 'system', uid: 'u', lastSeenAt: at(0), bootId: 7 }],
    ['with a text of 30,000 characters', 'n1', { pool: 'x'.repeat(30_000), uid: 'u', lastSeenAt: at(0) }],
    ['with a key that is no name', '%zz', { pool: 'system', uid: 'u', lastSeenAt: at(0) }],
    ['with a key in another spelling', '%6E1', { pool: 'system', uid: 'u', lastSeenAt: at(0) }],
  ])('reports a row %s and goes on without it', async (_row, rowKey, columns) => {
    await history.save(cluster(), inspectionAt(0), [record('n2')], NOTHING);
    await table.putAll(hashOf(cluster()), [{ rowKey, columns }]);

    expect([...(await history.load(cluster(), report)).nodes.keys()]).toEqual(['n2']);
    expect(invalid).toHaveLength(1);
    expect(invalid[0]).toBeInstanceOf(DockwardenError);
    expect(invalid[0]).toMatchObject({ code: 'INPUT_INVALID_ROW', message: expect.stringContaining(rowKey) });
  });

  it('mends a damaged row of a node at the next save', async () => {
    await table.putAll(hashOf(cluster()), [{ rowKey: 'n1', columns: { pool: 1, junk: true } }]);
    const { nodes } = await history.load(cluster(), report);

    await history.save(cluster(), inspectionAt(0), [record('n1')], nodes);

    expect((await history.load(cluster(), report)).nodes).toEqual(new Map([['n1', record('n1')]]));
    expect(invalid).toHaveLength(1);
    expect(await rowKeys()).toEqual(['.inspection', 'n1']);
  });

  it('reports a damaged inspection as none', async () => {
    await table.putAll(hashOf(cluster()), [{ rowKey: '.inspection', columns: { inspectedAt: 'never' } }]);

    expect((await history.load(cluster(), report)).inspection).toBeUndefined();
    expect(invalid.map(({ code }) => code)).toEqual(['INPUT_INVALID_ROW']);
  });
});

it('an outage of the table is no damaged row', async () => {
  const broken = Object.assign(new MemoryTableStore('nodes'), {
    range: () => {
      throw new DockwardenError('STORAGE_UNAVAILABLE', 'planted');
    },
  });
  const invalid: DockwardenError[] = [];

  const load = createTableNodeHistory(broken).load(cluster(), (error) => invalid.push(error));

  await expect(load).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
  expect(invalid).toEqual([]);
});
