/**
 * Every error that Dockwarden raises on purpose. The code says what the caller does with it:
 * `CONFIG_*` degrades the affected rule to `observe`, `INPUT_*` is recorded and never retried, `AZURE_TRANSIENT`, `AZURE_BUSY`
 * and `AZURE_CONFLICT` put the work back with a delay, the other `AZURE_*` codes end the run with an outcome, `LEASE_LOST`
 * stops the worker without a further call, `INTERNAL_*` is a defect of ours.
 */
export type ErrorCode =
  | 'CONFIG_MISSING'
  | 'INPUT_INVALID_RESOURCE_ID'
  | 'INPUT_INVALID_MESSAGE'
  | 'INPUT_INVALID_ROW'
  | 'AZURE_TRANSIENT'
  | 'AZURE_BUSY'
  | 'AZURE_CONFLICT'
  | 'AZURE_DENIED'
  | 'AZURE_POLICY_DENY'
  | 'AZURE_LOCKED'
  | 'AZURE_NOT_FOUND'
  | 'AZURE_INVALID'
  | 'AZURE_UNKNOWN_RESULT'
  | 'LEASE_LOST'
  | 'STORAGE_UNAVAILABLE'
  | 'INTERNAL_INVARIANT';

/** What an error may carry besides its message. Never a secret, a claim or a whole response body. */
export interface ErrorDetails {
  readonly cause?: unknown;
  /** ARM id that the failed call was about. */
  readonly resourceId?: string;
  /** Milliseconds that the service asked us to wait (`Retry-After`). */
  readonly retryAfterMs?: number;
  /** HTTP status of the answer, if there was one. */
  readonly status?: number;
  /** Error code of the service (`error.code`), if there was one. */
  readonly serviceCode?: string;
}

/** The one error class of the product; `code` decides, `message` is for people. */
export class DockwardenError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'DockwardenError';
    this.code = code;
    this.details = details;
  }
}

/** Narrows an unknown thrown value to ours, optionally to one code. */
export function isDockwardenError(error: unknown, code?: ErrorCode): error is DockwardenError {
  return error instanceof DockwardenError && (code === undefined || error.code === code);
}
