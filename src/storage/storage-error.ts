import { DockwardenError } from '../errors.ts';

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

/**
 * Statuses of a request that can never succeed: a cell or a body that is too large, a key with a character that keys may not have. Permissions (401,
 * 403) are none of them: somebody mends those, and then the same request succeeds.
 */
const NEVER = new Set<number | undefined>([400, 413]);

/** The error of a call that failed: `STORAGE_UNAVAILABLE` if another try may help. */
export function storageError(what: string, error: unknown): DockwardenError {
  const { status, code } = describeStorageError(error);
  const why = code ?? (error instanceof Error ? error.name : 'unknown error');
  // Trying again every half minute for ever would show to nobody; a message that fails shows in the poison queue.
  const errorCode = NEVER.has(status) ? 'INTERNAL_INVARIANT' : 'STORAGE_UNAVAILABLE';
  return new DockwardenError(errorCode, `${what} cannot be used: ${status ?? 'no answer'} ${why}`, {
    cause: error,
    ...(status !== undefined && { status }),
  });
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
