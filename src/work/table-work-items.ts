import { DockwardenError } from '../errors.ts';
import type { ResourceId } from '../resources/resource-id.ts';
import { hashOf } from '../storage/resource-key.ts';
import type { TableStore } from '../storage/table-store.ts';
import type { WorkItem, WorkItems } from './work-items.ts';

/** Columns that hold JSON. */
const JSON_COLUMNS = ['pending', 'knownCauses', 'run'] as const;

/** Work items in Table Storage: 256 partitions by the first two digits of the hash, one row per resource. */
export function createTableWorkItems(table: TableStore): WorkItems {
  return {
    async get(resource) {
      const row = await table.get(keyOf(resource));
      return row === undefined ? undefined : { item: parseItem(row.columns), etag: row.etag };
    },
    async insert(resource, item) {
      const etag = await table.insert(keyOf(resource), formatItem(item));
      return etag === false ? undefined : { item, etag };
    },
    async replace(resource, item, etag) {
      const next = await table.replace(keyOf(resource), formatItem(item), etag);
      return next === false ? undefined : { item, etag: next };
    },
    async *leftovers() {
      for await (const { columns } of table.where("pending ne '[]' or run ne ''")) yield parseItem(columns);
    },
  };
}

function keyOf(resource: Pick<ResourceId, 'key'>) {
  const hash = hashOf(resource);
  return { partitionKey: hash.slice(0, 2), rowKey: hash };
}

function formatItem(item: WorkItem): Readonly<Record<string, unknown>> {
  const columns: Record<string, unknown> = { ...item };
  for (const name of JSON_COLUMNS) if (item[name] !== undefined) columns[name] = JSON.stringify(item[name]);
  return columns;
}

function parseItem(columns: Readonly<Record<string, unknown>>): WorkItem {
  const item: Record<string, unknown> = { ...columns };
  try {
    for (const name of JSON_COLUMNS) if (typeof item[name] === 'string') item[name] = JSON.parse(item[name]);
  } catch (error) {
    throw new DockwardenError('INPUT_INVALID_ROW', 'a row of table work does not hold valid JSON', { cause: error });
  }
  const { resourceId, pending, knownCauses, attempt } = item;
  if (typeof resourceId !== 'string' || !Array.isArray(pending) || !Array.isArray(knownCauses) || typeof attempt !== 'number') {
    throw new DockwardenError('INPUT_INVALID_ROW', 'a row of table work lacks columns');
  }
  return item as unknown as WorkItem;
}
