import * as z from 'zod';
import { JsonCell, parseRow, parseRows } from '../storage/parse-row.ts';
import { hashOf } from '../storage/resource-key.ts';
import type { TableStore } from '../storage/table-store.ts';
import { Finding, type Findings } from './findings.ts';

const { exemption, reverts, ticketParts } = Finding.shape;
/** The row as it is stored: what has parts as JSON. */
export const FindingRow = z.object({
  ...Finding.shape,
  exemption: z.exactOptional(JsonCell.pipe(exemption.unwrap())),
  reverts: z.exactOptional(JsonCell.pipe(reverts.unwrap())),
  ticketParts: z.exactOptional(JsonCell.pipe(ticketParts.unwrap())),
});

/** Findings in Table Storage: partition = subscription, row = hash of the resource + policy id. */
export function createTableFindings(table: TableStore): Findings {
  return {
    async ofResource(resource) {
      const hash = hashOf(resource);
      // `_` sorts directly before a backtick, so this range holds exactly the rows of this resource.
      const rows = table.range(resource.subscriptionId.toLowerCase(), `${hash}_`, `${hash}\``);
      return await Array.fromAsync(rows, (row) => ({ item: parseRow(FindingRow, row), etag: row.etag }));
    },
    async save(resource, findings) {
      const hash = hashOf(resource);
      const rows = findings.map(({ item, etag }) => ({
        rowKey: `${hash}_${item.policyId}`,
        columns: formatFinding(item),
        etag,
      }));
      const etags = await table.replaceAll(resource.subscriptionId.toLowerCase(), rows);
      return etags === false ? undefined : findings.map(({ item }, index) => ({ item, etag: etags[index] ?? '' }));
    },
    ofSubscription: (subscriptionId, onInvalid) =>
      parseRows(FindingRow, table.range(subscriptionId.toLowerCase()), onInvalid),
    all: (onInvalid) => parseRows(FindingRow, table.all(), onInvalid),
  };
}

function formatFinding(finding: Finding): Readonly<Record<string, unknown>> {
  const { exemption: exempted, reverts: reversed, ticketParts: parts } = finding;
  return { ...finding, exemption: cellOf(exempted), reverts: cellOf(reversed), ticketParts: cellOf(parts) };
}

function cellOf(value: unknown): string | undefined {
  return value === undefined ? undefined : JSON.stringify(value);
}
