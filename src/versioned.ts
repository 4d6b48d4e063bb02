/** What is stored in one row, with the version of the row. */
export interface Versioned<T> {
  readonly item: T;
  readonly etag: string;
}
