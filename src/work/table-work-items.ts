import * as z from 'zod';
import type { ResourceId } from '../resources/resource-id.ts';
import { JsonCell, parseRow, parseRows } from '../storage/parse-row.ts';
import { hashOf } from '../storage/resource-key.ts';
import type { TableStore } from '../storage/table-store.ts';
import { WorkItem, type WorkItems } from './work-items.ts';

const { pending, knownCauses, knownAlerts, changes, run } = WorkItem.shape;
/** The row as it is stored: lists and the run as JSON. */
const WorkRow = z.object({
  ...WorkItem.shape,
  pending: JsonCell.pipe(pending),
  knownCauses: JsonCell.pipe(knownCauses),
  knownAlerts: z.exactOptional(JsonCell.pipe(knownAlerts.unwrap())),
  changes: z.exactOptional(JsonCell.pipe(changes.unwrap())),
  run: z.exactOptional(JsonCell.pipe(run.unwrap())),
});

/** Work items in Table Storage: 256 partitions by the first two digits of the hash, one row per resource. */
export function createTableWorkItems(table: TableStore): WorkItems {
  return {
    async get(resource) {
      const row = await table.get(keyOf(resource));
      return row === undefined ? undefined : { item: parseRow(WorkRow, row), etag: row.etag };
    },
    async insert(resource, item) {
      const etag = await table.insert(keyOf(resource), formatItem(item));
      return etag === false ? undefined : { item, etag };
    },
    async replace(resource, item, etag) {
      const next = await table.replace(keyOf(resource), formatItem(item), etag);
      return next === false ? undefined : { item, etag: next };
    },
    leftovers: (onInvalid) => parseRows(WorkRow, table.where("pending ne '[]' or run ne ''"), onInvalid),
  };
}

function keyOf(resource: Pick<ResourceId, 'key'>) {
  const hash = hashOf(resource);
  return { partitionKey: hash.slice(0, 2), rowKey: hash };
}

function formatItem(item: WorkItem): Readonly<Record<string, unknown>> {
  return {
    ...item,
    pending: JSON.stringify(item.pending),
    knownCauses: JSON.stringify(item.knownCauses),
    knownAlerts: item.knownAlerts === undefined ? undefined : JSON.stringify(item.knownAlerts),
    changes: item.changes === undefined ? undefined : JSON.stringify(item.changes),
    run: item.run === undefined ? undefined : JSON.stringify(item.run),
  };
}
