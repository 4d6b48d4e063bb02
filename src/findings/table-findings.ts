import { parseRow, parseRows } from '../storage/parse-row.ts';
import { hashOf } from '../storage/resource-key.ts';
import type { TableStore } from '../storage/table-store.ts';
import { Finding, type Findings } from './findings.ts';

/** Findings in Table Storage: partition = subscription, row = hash of the resource + policy id. */
export function createTableFindings(table: TableStore): Findings {
  return {
    async ofResource(resource) {
      const hash = hashOf(resource);
      // `_` sorts directly before a backtick, so this range holds exactly the rows of this resource.
      const rows = table.range(resource.subscriptionId.toLowerCase(), `${hash}_`, `${hash}\``);
      return await Array.fromAsync(rows, (row) => parseRow(Finding, row));
    },
    async save(resource, findings) {
      const hash = hashOf(resource);
      const rows = findings.map((finding) => ({ rowKey: `${hash}_${finding.policyId}`, columns: { ...finding } }));
      await table.putAll(resource.subscriptionId.toLowerCase(), rows);
    },
    ofSubscription: (subscriptionId, onInvalid) =>
      parseRows(Finding, table.range(subscriptionId.toLowerCase()), onInvalid),
    all: (onInvalid) => parseRows(Finding, table.all(), onInvalid),
  };
}
