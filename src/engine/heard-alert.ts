import type { SavedAlert } from '../defender/alerts.ts';
import { foretellAlert } from '../defender/foretell-alert.ts';
import type { Cause } from '../events/cause.ts';
import type { FoundCause } from '../events/parsed.ts';
import type { DefenderAlert } from '../resources/defender.ts';
import type { ResourceId } from '../resources/resource-id.ts';
import { recordInput } from './input-rows.ts';
import type { EngineContext } from './ports.ts';

/** An alert as it is told: nobody has heard of it yet. */
type ToldAlert = NonNullable<FoundCause['alert']>;

/** As it is stored. Nothing has happened later than now: an alert from the future would outlast, and outdo, all that follows. */
export function hearAlert(alert: ToldAlert, now: Date): DefenderAlert {
  const receivedAt = now.toISOString();
  const [raisedAt, changedAt] = [earlier(alert.raisedAt, receivedAt), earlier(alert.changedAt, receivedAt)];
  return { ...alert, raisedAt, changedAt, receivedAt };
}

function earlier(one: string, other: string): string {
  return one < other ? one : other;
}

/** The cause that an alert is: opened again, it is another than the first time. Its id is short, because a row of work holds hundreds of them. */
export function causeOfAlert(cause: Cause, { changedAt }: ToldAlert, saved: SavedAlert): Cause {
  return saved === 'reopened' ? { ...cause, id: `${cause.id} again ${changedAt}` } : cause;
}

/** Which cause something would be if it were taken in now, and what would become of its alert. Stores nothing. */
export async function foretellCause(
  { alerts, clock }: Pick<EngineContext, 'alerts' | 'clock'>,
  { alert, cause, resourceId }: FoundCause,
): Promise<{ readonly cause: Cause; readonly saved?: SavedAlert }> {
  if (alert === undefined) return { cause };
  const heard = hearAlert(alert, clock.now());
  const { saved } = await foretellAlert(alerts, resourceId, heard, () => undefined);
  return { cause: causeOfAlert(cause, alert, saved), saved };
}

/** Active alerts that are forgotten are on record before they go. Once a day: a poll tells each time of one for which there is no room. */
export async function recordForgotten(
  context: EngineContext,
  resourceId: ResourceId,
  ids: readonly string[],
): Promise<void> {
  for (const id of ids) {
    const subject = `${resourceId.key} ${id}`;
    await recordInput(context, { causeKind: 'alert', reason: 'alert-forgotten', causeId: id, resourceId, subject });
  }
}
