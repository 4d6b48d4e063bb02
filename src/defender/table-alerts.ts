import { createHash } from 'node:crypto';
import { DockwardenError } from '../errors.ts';
import { alertSeverities, DefenderAlert } from '../resources/defender.ts';
import { parseRow, tryRow } from '../storage/parse-row.ts';
import { hashOf } from '../storage/resource-key.ts';
import type { PrunableTableStore } from '../storage/table-store.ts';
import type { Alerts, SavedAlert } from './alerts.ts';

/** Writes of one row that may collide before the message is given back. */
const MAX_COLLISIONS = 10;
/** A closed alert is kept this long, so that its ticket learns of it, and one that nobody closes as long as it counts. */
const CLOSED_FOR = 14 * 24 * 3_600_000;
const KEPT_FOR = 100 * 24 * 3_600_000;
/** Most alerts of one resource; closed ones give way, then the least severe, then the oldest. */
const MAX_ALERTS = 200;

/** Alerts in Table Storage: one partition per resource, one row per alert. */
export function createTableAlerts(table: PrunableTableStore): Alerts {
  /** Forgets what is over, and more than can be meant: somebody may raise alerts by the thousand. */
  async function prune(partitionKey: string, now: number): Promise<void> {
    const rows: { readonly rowKey: string; readonly alert: DefenderAlert }[] = [];
    for await (const row of table.range(partitionKey)) {
      const alert = tryRow(
        () => parseRow(DefenderAlert, row),
        () => undefined,
      );
      if (alert !== undefined) rows.push({ rowKey: row.rowKey, alert });
    }
    const kept = rows
      .filter(({ alert }) => !isOver(alert, now))
      .toSorted((one, other) => byWeight(one.alert, other.alert))
      .slice(0, MAX_ALERTS);
    const forgotten = rows.filter((row) => !kept.includes(row));
    if (forgotten.length > 0)
      await table.removeAll(
        partitionKey,
        forgotten.map(({ rowKey }) => rowKey),
      );
  }

  return {
    async ofResource(resource, onInvalid) {
      const alerts: DefenderAlert[] = [];
      for await (const row of table.range(hashOf(resource))) {
        const { id } = row.columns;
        const alert = tryRow(
          () => parseRow(DefenderAlert, row),
          (error) => onInvalid(error, typeof id === 'string' ? id : undefined),
        );
        if (alert !== undefined) alerts.push(alert);
      }
      return alerts.toSorted((one, other) => other.raisedAt.localeCompare(one.raisedAt));
    },

    async save(resource, alert) {
      const key = { partitionKey: hashOf(resource), rowKey: rowKeyOf(alert.id) };
      for (let collision = 0; collision < MAX_COLLISIONS; collision += 1) {
        const row = await table.get(key);
        if (row === undefined) {
          if (alert.status === 'closed') return 'unheard';
          if ((await table.insert(key, columnsOf(resource, alert))) === false) continue;
          await prune(key.partitionKey, Date.parse(alert.receivedAt));
          return 'stored';
        }
        // A row that somebody has damaged is replaced by what Defender says.
        const known = tryRow(
          () => parseRow(DefenderAlert, row),
          () => undefined,
        );
        const saved = newsOf(alert, known);
        if (known !== undefined && !isLater(alert, known)) return saved;
        const { id, receivedAt } = known ?? alert;
        const next = { ...alert, id, receivedAt, ...(saved === 'reopened' && { isReopened: true as const }) };
        if ((await table.replace(key, columnsOf(resource, next), row.etag)) !== false) return saved;
      }
      throw new DockwardenError('STORAGE_UNAVAILABLE', 'the row of an alert is written by others all the time', {
        resourceId: resource.id,
      });
    },
  };
}

/** Of two from the same moment the closed one counts. */
function isLater(alert: DefenderAlert, known: DefenderAlert): boolean {
  if (alert.changedAt !== known.changedAt) return alert.changedAt > known.changedAt;
  return alert.status === 'closed' && known.status === 'active';
}

function newsOf(alert: DefenderAlert, known: DefenderAlert | undefined): SavedAlert {
  if (alert.status === 'closed') return known === undefined || isNews(alert, known) ? 'stored' : 'known';
  if (known === undefined || isNews(alert, known)) return 'reopened';
  // Whoever heard it first may have died before anybody looked.
  return known.isReopened === true && alert.changedAt >= known.changedAt ? 'reopened' : 'known';
}

/** Does it change whether anything has to be done? */
function isNews(alert: DefenderAlert, known: DefenderAlert): boolean {
  return alert.status !== known.status && isLater(alert, known);
}

function isOver({ changedAt, raisedAt, status }: DefenderAlert, now: number): boolean {
  if (status === 'closed') return now - Date.parse(changedAt) > CLOSED_FOR;
  return now - Date.parse(raisedAt) > KEPT_FOR;
}

/** What is to be kept comes first: whoever raises alerts by the hundred drives out none that are worse. */
function byWeight(one: DefenderAlert, other: DefenderAlert): number {
  if (one.status !== other.status) return one.status === 'active' ? -1 : 1;
  const difference = alertSeverities.indexOf(one.severity) - alertSeverities.indexOf(other.severity);
  return difference === 0 ? Date.parse(other.receivedAt) - Date.parse(one.receivedAt) : difference;
}

/** Ids of alerts may hold what row keys may not. */
function rowKeyOf(id: string): string {
  return createHash('sha256').update(id.toLowerCase()).digest('hex').slice(0, 32);
}

/** With the resource, so that people who open the table can read it. */
function columnsOf({ id }: { readonly id: string }, alert: DefenderAlert): Readonly<Record<string, unknown>> {
  return { resourceId: id, ...alert };
}
