/** How one delivery attempt ended. */
export interface DeliveryResult {
  readonly delivered: boolean;
  /** Event Grid's word for it, such as `NotFound`; `Delivered` when it was. */
  readonly outcome: string;
  /** HTTP status, when there was an answer. */
  readonly status: number | undefined;
}

export interface RetryPolicy {
  /** 1–30. */
  readonly maxDeliveryAttempts: number;
  /** Minutes, 1–1440; looked at only when the next attempt falls due. */
  readonly eventTimeToLiveInMinutes: number;
}

export const defaultRetryPolicy: RetryPolicy = { maxDeliveryAttempts: 30, eventTimeToLiveInMinutes: 1440 };

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;

/** Waits after the first, second, … failed attempt; the last one repeats. https://learn.microsoft.com/azure/event-grid/delivery-and-retry */
const schedule = [
  10 * second,
  30 * second,
  minute,
  5 * minute,
  10 * minute,
  30 * minute,
  hour,
  3 * hour,
  6 * hour,
  12 * hour,
];
const leastWait: Readonly<Record<number, number>> = { 404: 5 * minute, 408: 2 * minute, 503: 30 * second };
/** Event Grid adds a small random part to every wait. */
const jitterShare = 0.1;

const successCodes = new Set([200, 201, 202, 203, 204]);
const finalCodes = {
  azureResource: new Set([400, 403, 413]),
  webhook: new Set([400, 401, 403, 413]),
};

const outcomes: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  408: 'TimedOut',
  413: 'PayloadTooLarge',
  503: 'Busy',
};

export function readStatus(status: number): DeliveryResult {
  if (successCodes.has(status)) return { delivered: true, outcome: 'Delivered', status };
  return { delivered: false, outcome: outcomes[status] ?? 'Aborted', status };
}

/** An attempt that met no answer. */
export function readFailure(error: unknown): DeliveryResult {
  const text = describeCause(error);
  const failed = { delivered: false, status: undefined };
  if (/TimeoutError|ETIMEDOUT/u.test(text)) return { ...failed, outcome: 'TimedOut' };
  return { ...failed, outcome: /ENOTFOUND|EAI_AGAIN/u.test(text) ? 'ResolutionError' : 'SocketError' };
}

/** Whether trying again is pointless by Event Grid's rules. */
export function isFinal({ status }: DeliveryResult, destination: keyof typeof finalCodes): boolean {
  return status !== undefined && finalCodes[destination].has(status);
}

/** Milliseconds to wait after the `attempts`-th failed attempt. `random` is in [0, 1). */
export function retryDelay(attempts: number, { status }: DeliveryResult, random: number): number {
  const planned = schedule[Math.min(attempts, schedule.length) - 1] ?? 0;
  const least = (status === undefined ? undefined : leastWait[status]) ?? 10 * second;
  return Math.round(Math.max(planned, least) * (1 + random * jitterShare));
}

function describeCause(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error ? String(error.code) : '';
  return `${error.name} ${code} ${error.message} ${error.cause === undefined ? '' : describeCause(error.cause)}`;
}
