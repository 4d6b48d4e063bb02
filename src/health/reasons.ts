/** Every reason for which the app is not healthy. `docs/operating.md` lists them; alerts and scripts go by them. */
export const healthCodes = [
  'function-missing',
  'function-disabled',
  'storage-not-configured',
  'table-unavailable',
  'queue-unavailable',
  'queue-missing',
  'queue-too-long',
  'poison-not-taken',
  'blob-unavailable',
  'identity-unavailable',
  'sweep-not-scheduled',
  'sweep-overdue',
  'sweep-incomplete',
  'sweep-unknown',
  'schema-behind',
  'schema-newer',
  'schema-unreadable',
  'schema-unknown',
] as const;
export type HealthCode = (typeof healthCodes)[number];

export interface HealthReason {
  readonly code: HealthCode;
  /** The function, table, queue or container. */
  readonly about?: string;
  /** For people: what is wrong, and what to do. Nothing of it is for anonymous callers. */
  readonly message: string;
}
