import type * as z from 'zod';
import { DockwardenError } from '../errors.ts';
import type { StoredRow } from './table-store.ts';

/** The columns of a row as their type. Anybody may edit a table: a row that does not fit is an error that names it, never a guess. */
export function parseRow<T>(schema: z.ZodType<T>, { partitionKey, rowKey, columns }: StoredRow): T {
  const parsed = schema.safeParse(columns);
  if (parsed.success) return parsed.data;
  const where = parsed.error.issues.map(({ path }) => path.join('.')).join(', ');
  throw new DockwardenError('INPUT_INVALID_ROW', `row ${partitionKey}/${rowKey} cannot be read: check ${where}`);
}
