import type { DockwardenError } from '../errors.ts';
import type { DefenderAlert } from '../resources/defender.ts';
import type { ResourceId } from '../resources/resource-id.ts';
import type { OnInvalidRow } from '../storage/parse-row.ts';

/** What became of an alert that came in. */
export type SavedAlert =
  /** It is news: nobody has told of it, or it is closed now. */
  | 'stored'
  /** It had been closed, or could not be read, and is active again. Said every time that this is told, until it is closed. */
  | 'reopened'
  /** It was known to stand like this, or has changed since. */
  | 'known'
  /** It is closed, and nobody has told of it before. */
  | 'unheard'
  /** It is active and is not remembered: there are so many others, or it is very old. */
  | 'forgotten';

/** Told about the row of an alert that cannot be read, and whose alert it was, as far as that can. */
export type OnInvalidAlert = (error: DockwardenError, id: string | undefined) => void;

/** Told which active alerts are about to be forgotten, by their ids. They go when it has resolved. */
export type OnForgottenAlerts = (ids: readonly string[]) => Promise<void>;

/** Table `alerts`: what Microsoft Defender for Cloud has told, by resource. Failures are `STORAGE_UNAVAILABLE`. */
export interface Alerts {
  /** Those that are not closed, of all resources; goes on without a row that cannot be read. */
  open(onInvalid: OnInvalidRow): AsyncIterable<{ readonly resourceId: string; readonly alert: DefenderAlert }>;
  /** Newest first; goes on without a row that cannot be read. */
  ofResource(resource: Pick<ResourceId, 'key'>, onInvalid: OnInvalidAlert): Promise<readonly DefenderAlert[]>;
  /**
   * Takes an alert in. They come more than once and in any order: what Defender changed last counts, and of two at the same moment the one that is
   * closed. A closed one that was never heard of is no news. Of more than are remembered some go; active ones not before somebody was told.
   */
  save(resource: ResourceId, alert: DefenderAlert, onForgotten: OnForgottenAlerts): Promise<SavedAlert>;
}
