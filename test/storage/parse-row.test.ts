import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import type { DockwardenError } from '../../src/errors.ts';
import { parseRow, parseRows } from '../../src/storage/parse-row.ts';
import { describeStorageError } from '../../src/storage/storage-error.ts';
import type { StoredRow } from '../../src/storage/table-store.ts';

const Row = z.object({ a: z.number(), b: z.exactOptional(z.string()) });

function row(rowKey: string, columns: Readonly<Record<string, unknown>>): StoredRow {
  return { partitionKey: 'p', rowKey, etag: '1', columns };
}

async function* listed(...rows: readonly StoredRow[]): AsyncIterable<StoredRow> {
  for (const one of rows) yield await Promise.resolve(one);
}

describe('a stored row', () => {
  it('that does not fit is an error that names the row and the columns, and not their values', () => {
    expect(() => parseRow(Row, row('r', { a: 'secret', b: 5 }))).toThrow('row p/r cannot be read: check a, b');
    expect(() => parseRow(Row, row('r', { a: 'secret' }))).not.toThrow(/secret/);
  });

  it('that does not fit is reported and takes none of the others along', async () => {
    const reported: DockwardenError[] = [];
    const rows = listed(row('1', { a: 1 }), row('2', { a: 'x' }), row('3', { a: 3 }));

    const read = await Array.fromAsync(parseRows(Row, rows, (error) => reported.push(error)));

    expect(read).toEqual([
      { a: 1, partitionKey: 'p', rowKey: '1' },
      { a: 3, partitionKey: 'p', rowKey: '3' },
    ]);
    expect(reported).toMatchObject([{ code: 'INPUT_INVALID_ROW' }]);
  });

  it('is not blamed for a defect of ours', async () => {
    const broken = z.unknown().transform(() => {
      throw new TypeError('a defect');
    });

    const reading = Array.fromAsync(parseRows(broken, listed(row('1', {})), () => undefined));

    await expect(reading).rejects.toThrow(TypeError);
  });
});

describe('what a storage client tells', () => {
  it.each([
    [
      { statusCode: 404, details: { odataError: { code: 'TableNotFound' } } },
      { status: 404, code: 'TableNotFound' },
    ],
    [
      { statusCode: 404, details: { errorCode: 'QueueNotFound' } },
      { status: 404, code: 'QueueNotFound' },
    ],
    [
      { statusCode: 412, code: 'UpdateConditionNotSatisfied' },
      { status: 412, code: 'UpdateConditionNotSatisfied' },
    ],
    [
      { statusCode: '404', code: 5 },
      { status: undefined, code: undefined },
    ],
    [undefined, { status: undefined, code: undefined }],
    ['text', { status: undefined, code: undefined }],
  ])('%j is read as %j', (error, failure) => {
    expect(describeStorageError(error)).toEqual(failure);
  });
});
