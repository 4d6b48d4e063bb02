import { DockwardenError } from '../../src/errors.ts';
import type { PrunableTableStore, RowKey, StoredRow, VersionedRow } from '../../src/storage/table-store.ts';

/** A table in memory that answers as Table Storage does; the conformance suite runs the same tests on both. */
export class MemoryTableStore implements PrunableTableStore {
  readonly name: string;
  readonly #rows = new Map<string, StoredRow>();
  #version = 0;

  constructor(name: string) {
    this.name = name;
  }

  async get(key: RowKey): Promise<StoredRow | undefined> {
    return await Promise.resolve(this.#rows.get(join(key)));
  }

  async insert(key: RowKey, columns: Readonly<Record<string, unknown>>): Promise<string | false> {
    return await Promise.resolve(this.#rows.has(join(key)) ? false : this.#write(key, columns));
  }

  async replace(key: RowKey, columns: Readonly<Record<string, unknown>>, etag: string): Promise<string | false> {
    return await Promise.resolve(this.#rows.get(join(key))?.etag === etag ? this.#write(key, columns) : false);
  }

  async putAll(
    partitionKey: string,
    rows: readonly { readonly rowKey: string; readonly columns: Readonly<Record<string, unknown>> }[],
  ): Promise<void> {
    checkTransaction(rows);
    for (const { rowKey, columns } of rows) this.#write({ partitionKey, rowKey }, columns);
    await Promise.resolve();
  }

  async replaceAll(partitionKey: string, rows: readonly VersionedRow[]): Promise<readonly string[] | false> {
    checkTransaction(rows);
    const isCurrent = rows.every(({ rowKey, etag }) => this.#rows.get(join({ partitionKey, rowKey }))?.etag === etag);
    if (!isCurrent) return await Promise.resolve(false);
    return rows.map(({ rowKey, columns }) => this.#write({ partitionKey, rowKey }, columns));
  }

  async remove(key: RowKey, etag: string): Promise<boolean> {
    const isCurrent = this.#rows.get(join(key))?.etag === etag;
    if (isCurrent) this.#rows.delete(join(key));
    return await Promise.resolve(isCurrent);
  }

  async removeAll(partitionKey: string, rowKeys: readonly string[]): Promise<void> {
    if (new Set(rowKeys).size !== rowKeys.length) throw refused('InvalidDuplicateRow');
    for (const rowKey of rowKeys) this.#rows.delete(join({ partitionKey, rowKey }));
    await Promise.resolve();
  }

  range(partitionKey: string, from = '', to?: string): AsyncIterable<StoredRow> {
    return this.#select(
      (row) => row.partitionKey === partitionKey && row.rowKey >= from && (to === undefined || row.rowKey < to),
    );
  }

  /** Understands `<column> ne '<text>'`, joined by `or`; all that the product asks. */
  where(filter: string): AsyncIterable<StoredRow> {
    const conditions = filter.split(' or ').map((part) => {
      const match = /^(\w+) ne '([^']*)'$/.exec(part);
      if (match === null)
        throw new DockwardenError('STORAGE_UNAVAILABLE', `the memory table does not understand ${part}`);
      return { column: match[1] ?? '', text: match[2] ?? '' };
    });
    return this.#select(({ columns }) =>
      conditions.some(({ column, text }) => columns[column] !== undefined && columns[column] !== text),
    );
  }

  all(): AsyncIterable<StoredRow> {
    return this.#select(() => true);
  }

  /** Everything that is stored, for assertions. */
  get rows(): readonly StoredRow[] {
    return [...this.#rows.values()].toSorted((a, b) => (join(a) < join(b) ? -1 : 1));
  }

  #write({ partitionKey, rowKey }: RowKey, columns: Readonly<Record<string, unknown>>): string {
    checkCells(columns);
    this.#version += 1;
    const etag = `W/"${this.#version}"`;
    const defined = Object.fromEntries(Object.entries(columns).filter(([, value]) => value !== undefined));
    this.#rows.set(join({ partitionKey, rowKey }), { partitionKey, rowKey, etag, columns: structuredClone(defined) });
    return etag;
  }

  async *#select(isWanted: (row: StoredRow) => boolean): AsyncIterable<StoredRow> {
    for (const row of this.rows) if (isWanted(row)) yield await Promise.resolve(row);
  }
}

/** Longest text in a cell: 64 KiB of UTF-16. */
const MAX_CELL = 32_768;

/** As the service does: a transaction names a row once, or is refused as a whole. */
function checkTransaction(rows: readonly Pick<VersionedRow, 'rowKey' | 'columns'>[]): void {
  if (new Set(rows.map(({ rowKey }) => rowKey)).size !== rows.length) throw refused('InvalidDuplicateRow');
  for (const { columns } of rows) checkCells(columns);
}

function checkCells(columns: Readonly<Record<string, unknown>>): void {
  const isTooLong = Object.values(columns).some((value) => typeof value === 'string' && value.length > MAX_CELL);
  if (isTooLong) throw refused('PropertyValueTooLarge');
}

function refused(code: string): DockwardenError {
  return new DockwardenError('INTERNAL_INVARIANT', `the table refuses: 400 ${code}`);
}

function join({ partitionKey, rowKey }: RowKey): string {
  return `${partitionKey}\u0000${rowKey}`;
}
