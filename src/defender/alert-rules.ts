import { alertSeverities, type DefenderAlert, isOver, MAX_ALERTS } from '../resources/defender.ts';
import type { SavedAlert } from './alerts.ts';

/** What becomes of an alert that comes in where this is known of it. */
export interface MergedAlert {
  readonly saved: SavedAlert;
  /** What is stored of it from then on; not set = what was there, or nothing. */
  readonly next?: DefenderAlert;
}

/**
 * Which of two counts, and what is kept of each. They come more than once and in any order: what Defender changed last counts. What is known cannot
 * always be read: then what comes in takes its place.
 */
export function mergeAlert(alert: DefenderAlert, known: DefenderAlert | 'unreadable' | undefined): MergedAlert {
  if (known === undefined) return alert.status === 'closed' ? { saved: 'unheard' } : { saved: 'stored', next: alert };
  if (known === 'unreadable') {
    if (alert.status === 'closed') return { saved: 'stored', next: alert };
    return { saved: 'reopened', next: { ...alert, isReopened: true } };
  }
  const saved = newsOf(alert, known);
  if (!isLater(alert, known)) return { saved };
  const isOpenedAgain = alert.status === 'active' && known.status === 'closed';
  const receivedAt = isOpenedAgain ? alert.receivedAt : known.receivedAt;
  // Its ticket is known by the spelling that its id had first.
  return { saved, next: { ...alert, id: known.id, receivedAt, ...(saved === 'reopened' && { isReopened: true }) } };
}

/** Of two from the same moment the closed one counts. */
function isLater(alert: DefenderAlert, known: DefenderAlert): boolean {
  if (alert.changedAt !== known.changedAt) return alert.changedAt > known.changedAt;
  return alert.status === 'closed' && known.status === 'active';
}

function newsOf(alert: DefenderAlert, known: DefenderAlert): SavedAlert {
  const isNews = alert.status !== known.status && isLater(alert, known);
  if (alert.status === 'closed') return isNews ? 'stored' : 'known';
  // Whoever heard first that it was opened again may have died before anybody looked.
  const isReopened = known.isReopened === true && alert.changedAt >= known.changedAt;
  return isNews || isReopened ? 'reopened' : 'known';
}

/**
 * Those that are to be forgotten of all alerts of a resource: what is over, and more than can be meant, for somebody may raise them by the thousand.
 * Closed ones give way first, then the least severe, then the oldest. The same alerts always lead to the same choice: one that is told again and
 * again drives out no other.
 */
export function forgettable(alerts: readonly DefenderAlert[], now: Date): readonly DefenderAlert[] {
  const kept = alerts
    .filter((alert) => !isOver(alert, now))
    .toSorted(byWeight)
    .slice(0, MAX_ALERTS);
  return alerts.filter((alert) => !kept.includes(alert));
}

function byWeight(one: DefenderAlert, other: DefenderAlert): number {
  if (one.status !== other.status) return one.status === 'active' ? -1 : 1;
  const difference = alertSeverities.indexOf(one.severity) - alertSeverities.indexOf(other.severity);
  return difference || newestFirst(one, other) || one.id.localeCompare(other.id);
}

export function newestFirst(one: DefenderAlert, other: DefenderAlert): number {
  return other.raisedAt.localeCompare(one.raisedAt);
}

/** Ids of alerts come in any casing. */
export function isSameAlert(id: string, other: string): boolean {
  return id.toLowerCase() === other.toLowerCase();
}
