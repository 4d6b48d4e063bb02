import * as z from 'zod';
import { DockwardenError, isDockwardenError } from '../errors.ts';
import type { StoredRow } from './table-store.ts';

/** Text that holds JSON; text that does not is an issue of the row, not an exception. */
export const JsonCell = z.string().transform((text, context): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    context.addIssue({ code: 'custom', message: 'not JSON' });
    return z.NEVER;
  }
});

/** Told about a row that cannot be read, where a list goes on without it. */
export type OnInvalidRow = (error: DockwardenError) => void;

/** Rows as their type; one that cannot be read is reported, and takes none of the others along. */
export async function* parseRows<T>(
  schema: z.ZodType<T>,
  rows: AsyncIterable<StoredRow>,
  onInvalid: OnInvalidRow,
): AsyncIterable<T & Pick<StoredRow, 'partitionKey' | 'rowKey'>> {
  for await (const row of rows) {
    const { partitionKey, rowKey } = row;
    try {
      yield { ...parseRow(schema, row), partitionKey, rowKey };
    } catch (error) {
      if (!isDockwardenError(error, 'INPUT_INVALID_ROW')) throw error;
      onInvalid(error);
    }
  }
}

/** The columns of a row as their type. Anybody may edit a table: a row that does not fit is an error that names it, never a guess. */
export function parseRow<T>(schema: z.ZodType<T>, { partitionKey, rowKey, columns }: StoredRow): T {
  const parsed = schema.safeParse(columns);
  if (parsed.success) return parsed.data;
  const where = parsed.error.issues.map(({ path }) => path.join('.')).join(', ');
  throw new DockwardenError('INPUT_INVALID_ROW', `row ${partitionKey}/${rowKey} cannot be read: check ${where}`);
}

/** A row that cannot be read is reported, and counts as absent. */
export function tryRow<T>(read: () => T, onInvalid: OnInvalidRow): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!isDockwardenError(error, 'INPUT_INVALID_ROW')) throw error;
    onInvalid(error);
    return undefined;
  }
}
