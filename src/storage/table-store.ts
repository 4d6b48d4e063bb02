import { type TableClient, type TableEntity, type TransactionAction } from '@azure/data-tables';
import type { DockwardenError } from '../errors.ts';
import { describeStorageError, storageError } from './storage-error.ts';

/** One stored row with its version, as the adapters see it. */
export interface StoredRow {
  readonly partitionKey: string;
  readonly rowKey: string;
  readonly etag: string;
  readonly columns: Readonly<Record<string, unknown>>;
}

export interface RowKey {
  readonly partitionKey: string;
  readonly rowKey: string;
}

type Columns = Readonly<Record<string, unknown>>;

/** A row to be written, and the version that it replaces. */
export interface VersionedRow {
  readonly rowKey: string;
  readonly columns: Columns;
  readonly etag: string | undefined;
}

/** What the adapters need of Table Storage. A refused condition is an answer (`false`), everything else that fails is `STORAGE_UNAVAILABLE`. */
export interface TableStore {
  get(key: RowKey): Promise<StoredRow | undefined>;
  /** False when the key exists already. */
  insert(key: RowKey, columns: Columns): Promise<string | false>;
  /** Replaces the row if it still has this version; the new version, or false when somebody else wrote it. */
  replace(key: RowKey, columns: Columns, etag: string): Promise<string | false>;
  /** Writes rows of one partition together, whatever was there. */
  putAll(partitionKey: string, rows: readonly { readonly rowKey: string; readonly columns: Columns }[]): Promise<void>;
  /**
   * Writes rows of one partition together (100 at most), all or none: each must still have the given version, `undefined` =
   * must not exist yet. The new versions in the same order, or false when one of them does not.
   */
  replaceAll(partitionKey: string, rows: readonly VersionedRow[]): Promise<readonly string[] | false>;
  /** Rows of one partition with `from <= rowKey < to`, in key order. */
  range(partitionKey: string, from?: string, to?: string): AsyncIterable<StoredRow>;
  /** Rows that an OData filter selects, in key order; a row without the named column is not selected by it. */
  where(filter: string): AsyncIterable<StoredRow>;
  /** All rows, in key order. */
  all(): AsyncIterable<StoredRow>;
}

/** A table whose rows may be deleted; what is a record for ever takes a `TableStore` and cannot. */
export interface PrunableTableStore extends TableStore {
  /** Deletes rows of one partition, whatever their version; one that is not there is no error. */
  removeAll(partitionKey: string, rowKeys: readonly string[]): Promise<void>;
  /** Deletes the row if it still has this version. False when somebody else wrote or deleted it. */
  remove(key: RowKey, etag: string): Promise<boolean>;
}

/** Codes that say something about the table, and nothing about the row that was asked for. */
const ABOUT_THE_TABLE = new Set<string | undefined>(['TableNotFound', 'TableBeingDeleted']);

/** Longest wait for one answer, and for one whole list, in milliseconds. */
const CALL_TIMEOUT = 10_000;
const LIST_TIMEOUT = 120_000;

/** Table Storage through the official client. */
export function createTableStore(client: TableClient): PrunableTableStore {
  let isTableKnown = false;

  /** Creates the table when it turns out to be missing, so that a first start needs no set-up step. */
  async function call<T>(work: () => Promise<T>): Promise<T> {
    // Others may create it while this call is under way.
    const wasKnown = isTableKnown;
    try {
      return await work();
    } catch (error) {
      if (wasKnown || describeStorageError(error).code !== 'TableNotFound') throw error;
      await client.createTable(deadline());
      isTableKnown = true;
      return await work();
    }
  }

  /** `refused` stands for the statuses that mean "no" and not "broken". */
  async function guarded<T, R>(work: () => Promise<T>, statuses: readonly number[], refused: R): Promise<T | R> {
    try {
      return await call(work);
    } catch (error) {
      const { status, code } = describeStorageError(error);
      if (status !== undefined && statuses.includes(status) && !ABOUT_THE_TABLE.has(code)) return refused;
      throw unavailable(client.tableName, error);
    }
  }

  async function* list(filter?: string): AsyncIterable<StoredRow> {
    try {
      // The first page creates the table when it is missing; later pages cannot meet that.
      const pages = await call(async () => {
        const iterator = client
          .listEntities({
            abortSignal: AbortSignal.timeout(LIST_TIMEOUT),
            ...(filter !== undefined && { queryOptions: { filter } }),
          })
          .byPage();
        return { iterator, first: await iterator.next() };
      });
      for (let page = pages.first; page.done !== true; page = await pages.iterator.next()) {
        for (const entity of page.value) yield toStoredRow(entity);
      }
    } catch (error) {
      throw unavailable(client.tableName, error);
    }
  }

  return {
    async get({ partitionKey, rowKey }) {
      const entity = await guarded(() => client.getEntity(partitionKey, rowKey, deadline()), [404], undefined);
      return entity === undefined ? undefined : toStoredRow(entity);
    },
    async insert(key, columns) {
      const answer = await guarded(
        () => client.createEntity(toEntity(key, columns), deadline()),
        [409],
        false as const,
      );
      return answer === false ? false : (answer.etag ?? '');
    },
    async replace(key, columns, etag) {
      const answer = await guarded(
        () => client.updateEntity(toEntity(key, columns), 'Replace', { etag, ...deadline() }),
        [404, 412],
        false as const,
      );
      return answer === false ? false : (answer.etag ?? '');
    },
    async putAll(partitionKey, rows) {
      // One transaction takes 100 rows of one partition.
      for (let start = 0; start < rows.length; start += 100) {
        const actions = rows
          .slice(start, start + 100)
          .map(
            ({ rowKey, columns }): TransactionAction => [
              'upsert',
              toEntity({ partitionKey, rowKey }, columns),
              'Replace',
            ],
          );
        await guarded(() => client.submitTransaction(actions, deadline()), [], undefined);
      }
    },
    async replaceAll(partitionKey, rows) {
      if (rows.length === 0) return [];
      const actions = rows.map(({ rowKey, columns, etag }): TransactionAction => {
        const entity = toEntity({ partitionKey, rowKey }, columns);
        return etag === undefined ? ['create', entity] : ['update', entity, 'Replace', { etag }];
      });
      const answer = await guarded(
        () => client.submitTransaction(actions, deadline()),
        [404, 409, 412],
        false as const,
      );
      return answer !== false && answer.subResponses.map(({ etag = '' }) => etag);
    },
    async remove({ partitionKey, rowKey }, etag) {
      const answer = await guarded(
        () => client.deleteEntity(partitionKey, rowKey, { etag, ...deadline() }),
        [404, 412],
        false as const,
      );
      return answer !== false;
    },
    async removeAll(partitionKey, rowKeys) {
      for (let start = 0; start < rowKeys.length; start += 100) {
        const keys = rowKeys.slice(start, start + 100);
        const actions = keys.map((rowKey): TransactionAction => ['delete', { partitionKey, rowKey }]);
        const answer = await guarded(() => client.submitTransaction(actions, deadline()), [404], false as const);
        if (answer !== false) continue;
        // One row that is gone refuses them all.
        for (const rowKey of keys) {
          await guarded(() => client.deleteEntity(partitionKey, rowKey, deadline()), [404], undefined);
        }
      }
    },
    range(partitionKey, from, to) {
      const conditions = [
        `PartitionKey eq '${quote(partitionKey)}'`,
        ...(from === undefined ? [] : [`RowKey ge '${quote(from)}'`]),
        ...(to === undefined ? [] : [`RowKey lt '${quote(to)}'`]),
      ];
      return list(conditions.join(' and '));
    },
    where: (filter) => list(filter),
    all: () => list(),
  };
}

function deadline(): { readonly abortSignal: AbortSignal } {
  return { abortSignal: AbortSignal.timeout(CALL_TIMEOUT) };
}

function toEntity(key: RowKey, columns: Columns): TableEntity {
  const defined = Object.fromEntries(Object.entries(columns).filter(([, value]) => value !== undefined));
  return { ...key, ...defined };
}

function toStoredRow(entity: Readonly<Record<string, unknown>>): StoredRow {
  const { partitionKey, rowKey, etag, timestamp: _written, ...rest } = entity;
  // A single entity comes with the protocol's own members (`odata.metadata`), which are no columns.
  const columns = Object.fromEntries(Object.entries(rest).filter(([name]) => !name.startsWith('odata.')));
  return { partitionKey: String(partitionKey), rowKey: String(rowKey), etag: String(etag), columns };
}

function quote(text: string): string {
  return text.replaceAll("'", "''");
}

function unavailable(table: string, error: unknown): DockwardenError {
  return storageError(`table ${table}`, error);
}
