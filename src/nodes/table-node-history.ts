import * as z from 'zod';
import { DockwardenError } from '../errors.ts';
import type { NodeRecord } from '../resources/node-health.ts';
import { parseRow, tryRow } from '../storage/parse-row.ts';
import { hashOf } from '../storage/resource-key.ts';
import type { PrunableTableStore, StoredRow } from '../storage/table-store.ts';
import { InspectionRecord, type NodeHistory } from './node-history.ts';

const text = () => z.string().max(256);
const time = () => z.iso.datetime();

/** The row as it is stored; the name is in its key. */
const NodeRow = z.object({
  pool: text(),
  uid: text(),
  bootId: z.exactOptional(text()),
  bootIdFirstSeen: z.exactOptional(time()),
  previousBootId: z.exactOptional(text()),
  previousSeenAt: z.exactOptional(time()),
  kernel: z.exactOptional(text()),
  kernelSkewSince: z.exactOptional(time()),
  lastVerdict: z.exactOptional(text()),
  lastSeenAt: time(),
});

/** Row key of the inspection: it sorts before all nodes, and no node's name begins with a dot. */
const INSPECTION = '.inspection';
/** A key holds 512 characters; names of nodes have 253 at most. */
const MAX_KEY = 500;
/** `lastSeenAt` proves something to within a sweep (6 h), so that an unchanged row is written about once per sweep. */
const REFRESH_AFTER = 5.5 * 3_600_000;
const FORGET_AFTER = 30 * 24 * 3_600_000;

/** History in Table Storage: one partition per cluster. Anybody may edit a table: a row that cannot be read is reported and blocks nothing. */
export function createTableNodeHistory(table: PrunableTableStore): NodeHistory {
  return {
    async load(cluster, onInvalid) {
      let inspection: InspectionRecord | undefined;
      const nodes = new Map<string, NodeRecord>();
      for await (const row of table.range(hashOf(cluster))) {
        if (row.rowKey === INSPECTION) {
          inspection = tryRow(() => parseRow(InspectionRecord, row), onInvalid);
          continue;
        }
        const record = tryRow(() => readNode(row), onInvalid);
        if (record !== undefined) nodes.set(record.name, record);
      }
      return { inspection, nodes };
    },

    async save(cluster, inspection, records, previous) {
      const partition = hashOf(cluster);
      const now = Date.parse(inspection.inspectedAt);
      const written = new Map<string, Readonly<Record<string, unknown>>>([[INSPECTION, { ...inspection }]]);
      for (const record of records) {
        const key = encodeKey(record.name);
        if (key.length <= MAX_KEY && isWorthWriting(record, previous.get(record.name))) {
          written.set(key, formatNode(record));
        }
      }
      await table.putAll(
        partition,
        [...written].map(([rowKey, columns]) => ({ rowKey, columns })),
      );
      const seen = new Set(records.map(({ name }) => name));
      const forgotten = [...previous.values()]
        .filter(({ name, lastSeenAt }) => !seen.has(name) && now - Date.parse(lastSeenAt) > FORGET_AFTER)
        .map(({ name }) => encodeKey(name));
      if (forgotten.length > 0) await table.removeAll(partition, forgotten);
    },
  };
}

function isWorthWriting(record: NodeRecord, before: NodeRecord | undefined): boolean {
  if (before === undefined) return true;
  if (Date.parse(record.lastSeenAt) - Date.parse(before.lastSeenAt) > REFRESH_AFTER) return true;
  const columns = Object.keys(NodeRow.shape).filter((column) => column !== 'lastSeenAt');
  return columns.some((column) => Reflect.get(record, column) !== Reflect.get(before, column));
}

/** What a node tells about itself may be of any length; a text that does not fit is left out, or no row could be written at all. */
function formatNode(record: NodeRecord): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(NodeRow.shape).flatMap(([column, schema]) => {
      const value: unknown = Reflect.get(record, column);
      return value !== undefined && schema.safeParse(value).success ? [[column, value]] : [];
    }),
  );
}

function readNode(row: StoredRow): NodeRecord {
  const name = decodeKey(row.rowKey);
  if (name !== undefined) return { name, ...parseRow(NodeRow, row) };
  throw new DockwardenError('INPUT_INVALID_ROW', `row ${row.partitionKey}/${row.rowKey} is named after no node`);
}

/** Row keys may not hold `/ \ # ?` and control characters; a dot in front belongs to rows that are no nodes. */
function encodeKey(name: string): string {
  // oxlint-disable-next-line no-control-regex
  return name.replaceAll(/[/\\#?%\u0000-\u001F\u007F-\u009F]|^\./g, (character) =>
    character === '.' ? '%2E' : encodeURIComponent(character),
  );
}

function decodeKey(rowKey: string): string | undefined {
  try {
    const name = decodeURIComponent(rowKey);
    return encodeKey(name) === rowKey ? name : undefined;
  } catch {
    return undefined;
  }
}
