import type { DefenderAlert } from '../resources/defender.ts';
import type { ResourceId } from '../resources/resource-id.ts';
import { forgettable, isSameAlert, mergeAlert, newestFirst } from './alert-rules.ts';
import type { Alerts, OnInvalidAlert, SavedAlert } from './alerts.ts';

/** What taking in an alert would lead to. */
export interface ForetoldAlert {
  readonly saved: SavedAlert;
  /** The alerts of the resource from then on, newest first. */
  readonly alerts: readonly DefenderAlert[];
}

/** Says what `save` would do, and stores nothing. */
export async function foretellAlert(
  store: Pick<Alerts, 'ofResource'>,
  resource: Pick<ResourceId, 'key'>,
  alert: DefenderAlert,
  onInvalid: OnInvalidAlert,
): Promise<ForetoldAlert> {
  let isUnreadable = false;
  const before = await store.ofResource(resource, (error, id) => {
    if (id !== undefined && isSameAlert(id, alert.id)) isUnreadable = true;
    else onInvalid(error, id);
  });
  const known = before.find(({ id }) => isSameAlert(id, alert.id));
  const { next, saved } = mergeAlert(alert, isUnreadable ? 'unreadable' : known);
  if (next === undefined) return { saved, alerts: before };
  const alerts = [next, ...before.filter((other) => other !== known)].toSorted(newestFirst);
  if (known !== undefined || isUnreadable) return { saved, alerts };
  const forgotten = forgettable(alerts, new Date(alert.receivedAt));
  return {
    saved: forgotten.includes(next) ? 'forgotten' : saved,
    alerts: alerts.filter((other) => !forgotten.includes(other)),
  };
}
