import type { EngineContext } from '../../src/engine/ports.ts';
import type { TableStore } from '../../src/storage/table-store.ts';
import type { EngineHarnessOptions } from '../support/engine-harness.ts';

/** Calls of ours to storage since the last reset. A list counts one call; its further pages come with its size. */
export interface StorageCounter extends Pick<EngineHarnessOptions, 'wrapTable' | 'wrapContext'> {
  /** `table.method`, in order. */
  readonly tables: readonly string[];
  readonly messages: number;
  /** Tables and queue together. */
  readonly total: number;
  reset(): void;
}

export function countStorage(): StorageCounter {
  const tables: string[] = [];
  let messages = 0;
  return {
    tables,
    get messages() {
      return messages;
    },
    get total() {
      return tables.length + messages;
    },
    reset() {
      tables.length = 0;
      messages = 0;
    },
    wrapTable(table: TableStore, name: string): TableStore {
      const note = (method: string) => tables.push(`${name}.${method}`);
      return {
        async get(key) {
          note('get');
          return await table.get(key);
        },
        async insert(key, columns) {
          note('insert');
          return await table.insert(key, columns);
        },
        async replace(key, columns, etag) {
          note('replace');
          return await table.replace(key, columns, etag);
        },
        async putAll(partitionKey, rows) {
          note('putAll');
          await table.putAll(partitionKey, rows);
        },
        async replaceAll(partitionKey, rows) {
          note('replaceAll');
          return await table.replaceAll(partitionKey, rows);
        },
        range(partitionKey, from, to) {
          note('range');
          return table.range(partitionKey, from, to);
        },
        where(filter) {
          note('where');
          return table.where(filter);
        },
        all() {
          note('all');
          return table.all();
        },
      };
    },
    wrapContext(context: EngineContext): EngineContext {
      return {
        ...context,
        queue: {
          async send(text, delayMs) {
            messages += 1;
            await context.queue.send(text, delayMs);
          },
        },
      };
    },
  };
}
