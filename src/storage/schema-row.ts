import * as z from 'zod';
import type { RowKey } from './table-store.ts';

export const SCHEMA_KEY: RowKey = { partitionKey: 'schema', rowKey: 'current' };

/**
 * The version of the tables. Older and newer apps read and write this row, so these columns never change their meaning; what else is in it is
 * kept as it is.
 */
export const SchemaRow = z.object({
  /** The newest form that rows may have. */
  version: z.int().min(1),
  /** When the tables were first used, ISO 8601. */
  createdAt: z.iso.datetime(),
  /** The oldest form that rows may have, absent = all have the newest; and when an app that writes an older form was last seen. */
  olderVersion: z.exactOptional(z.int().min(1)),
  olderSeenAt: z.exactOptional(z.iso.datetime()),
  /** How far a migration has come: since when it goes on, the version that all rows have, the table, and the last row of it that is done. */
  passStartedAt: z.exactOptional(z.iso.datetime()),
  passReached: z.exactOptional(z.int().min(1)),
  passTable: z.exactOptional(z.string()),
  passPartition: z.exactOptional(z.string()),
  passRow: z.exactOptional(z.string()),
  /** The process that goes on with it, and until when no other may. */
  leaseOwner: z.exactOptional(z.string()),
  leaseUntil: z.exactOptional(z.iso.datetime()),
});
export type SchemaRow = Readonly<z.infer<typeof SchemaRow>>;

/** The row with everything in it, and its version in the table. */
export interface VersionedSchema extends SchemaRow {
  readonly columns: Readonly<Record<string, unknown>>;
  readonly etag: string;
}
