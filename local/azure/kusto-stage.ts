import type { Json, JsonObject } from './json.ts';

/** A query outside the subset; the provider answers it with 400. */
export class KustoError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'KustoError';
  }
}

/** A row of a table. */
export type Row = JsonObject;
/** A value of a row. */
export type Expression = (row: Row) => Json | undefined;
/** What stands between two `|`. */
export type Stage = (rows: readonly Row[]) => readonly Row[];

/** A row of these columns; what has no value is null. */
export function evaluate(columns: readonly (readonly [string, Expression])[], row: Row): Row {
  return Object.fromEntries(columns.map(([name, expression]) => [name, expression(row) ?? null]));
}
