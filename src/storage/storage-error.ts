/** What the storage SDKs tell about a failure; the code of table calls is only in the parsed details (azure-apis, trap 16). */
export interface StorageFailure {
  readonly status: number | undefined;
  readonly code: string | undefined;
}

export function describeStorageError(error: unknown): StorageFailure {
  const details = field(error, 'details');
  const code = field(field(details, 'odataError'), 'code') ?? field(details, 'errorCode') ?? field(error, 'code');
  const status = field(error, 'statusCode');
  return { status: typeof status === 'number' ? status : undefined, code: typeof code === 'string' ? code : undefined };
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
