import { createHash } from 'node:crypto';
import * as z from 'zod';
import { DockwardenError } from '../errors.ts';
import { DefenderAlert, isOver } from '../resources/defender.ts';
import { parseRow, parseRows, tryRow } from '../storage/parse-row.ts';
import { hashOf } from '../storage/resource-key.ts';
import type { PrunableTableStore, RowKey, StoredRow } from '../storage/table-store.ts';
import { forgettable, mergeAlert, newestFirst } from './alert-rules.ts';
import type { Alerts, OnForgottenAlerts } from './alerts.ts';

/** Writes of one row that may collide before the message is given back. */
const MAX_COLLISIONS = 10;

/** With the resource, so that people who open the table can read it, and the sweep finds it. */
const AlertRow = z.object({ ...DefenderAlert.shape, resourceId: z.string() });

/** Alerts in Table Storage: one partition per resource, one row per alert. */
export function createTableAlerts(table: PrunableTableStore): Alerts {
  /**
   * Forgets what is to be forgotten, now that this row is new; is it among that itself? A worker that dies before leaves the rest to the next alert that
   * is new.
   */
  async function prune({ partitionKey, rowKey }: RowKey, now: Date, onForgotten: OnForgottenAlerts): Promise<boolean> {
    const alerts = new Map<string, DefenderAlert>();
    for await (const row of table.range(partitionKey)) {
      const alert = readAlert(row);
      if (alert !== undefined) alerts.set(row.rowKey, alert);
    }
    const forgotten = forgettable([...alerts.values()], now);
    const isMissed = (alert: DefenderAlert) => alert === alerts.get(rowKey) || !isOver(alert, now);
    const missed = forgotten.filter((alert) => alert.status === 'active' && isMissed(alert));
    if (missed.length > 0) await onForgotten(missed.map(({ id }) => id));
    const keys = [...alerts].flatMap(([key, alert]) => (forgotten.includes(alert) ? [key] : []));
    await table.removeAll(partitionKey, keys);
    return keys.includes(rowKey);
  }

  return {
    async *open(onInvalid) {
      for await (const { resourceId, ...alert } of parseRows(AlertRow, table.where("status ne 'closed'"), onInvalid))
        yield { resourceId, alert };
    },

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
      return alerts.toSorted(newestFirst);
    },

    async save(resource, alert, onForgotten) {
      const key = { partitionKey: hashOf(resource), rowKey: rowKeyOf(alert.id) };
      for (let collision = 0; collision < MAX_COLLISIONS; collision += 1) {
        const row = await table.get(key);
        const { next, saved } = mergeAlert(alert, row && (readAlert(row) ?? 'unreadable'));
        if (next === undefined) return saved;
        const columns = columnsOf(resource, next);
        if (row !== undefined) {
          if ((await table.replace(key, columns, row.etag)) !== false) return saved;
        } else if ((await table.insert(key, columns)) !== false) {
          return (await prune(key, new Date(alert.receivedAt), onForgotten)) ? 'forgotten' : saved;
        }
      }
      throw new DockwardenError('STORAGE_UNAVAILABLE', 'the row of an alert is written by others all the time', {
        resourceId: resource.id,
      });
    },
  };
}

/** Undefined for a row that somebody has damaged: it is replaced by what Defender says. */
function readAlert(row: StoredRow): DefenderAlert | undefined {
  return tryRow(
    () => parseRow(DefenderAlert, row),
    () => undefined,
  );
}

/** Ids of alerts may hold what row keys may not. */
function rowKeyOf(id: string): string {
  return createHash('sha256').update(id.toLowerCase()).digest('hex').slice(0, 32);
}

function columnsOf({ id }: { readonly id: string }, alert: DefenderAlert): Readonly<Record<string, unknown>> {
  return { resourceId: id, ...alert };
}
