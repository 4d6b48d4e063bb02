import type { AuditKey, AuditRecord } from '../audit/audit-log.ts';
import { DockwardenError } from '../errors.ts';
import { type CloudEvent, sourceOf } from './cloud-event.ts';
import { type EventFamily, eventFamilies } from './event-families.ts';

/** An event about Dockwarden itself, made of one row of the audit. */
export interface OwnEvent extends CloudEvent {
  /** `<PartitionKey>/<RowKey>` of the row: the same row is the same event, however often it is sent. */
  readonly id: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Is an event made of such a row? */
export function isPublished(record: AuditRecord): boolean {
  return find(record) !== undefined;
}

/** The event that a row is; undefined where it is none. Throws `INPUT_INVALID_ROW` for a row whose columns cannot be told. */
export function toOwnEvent(key: AuditKey, record: AuditRecord): OwnEvent | undefined {
  const found = find(record);
  if (found === undefined) return undefined;
  const { family, type } = found;
  const id = `${key.partitionKey}/${key.rowKey}`;
  const parsed = family.Data.safeParse(family.toData?.(record) ?? record);
  if (!parsed.success || Number.isNaN(Date.parse(record.time))) {
    const where = parsed.error?.issues.map(({ path }) => path.join('.')).join(', ') ?? 'time';
    throw new DockwardenError('INPUT_INVALID_ROW', `row ${id} cannot be told as an event: check ${where}`);
  }
  const { resourceId, subscriptionId } = record;
  const data = Object.fromEntries(Object.entries(parsed.data).filter(([, value]) => value !== undefined));
  return {
    specversion: '1.0',
    id,
    source: sourceOf(resourceId ?? `/subscriptions/${subscriptionId ?? ''}`),
    type,
    subject: subjectOf(data),
    time: new Date(record.time).toISOString(),
    datacontenttype: 'application/json',
    data,
  };
}

function find(record: AuditRecord): { readonly family: EventFamily; readonly type: string } | undefined {
  for (const family of eventFamilies) {
    const type = family.typeOf(record);
    if (type !== undefined) return { family, type };
  }
  return undefined;
}

/** What the event is about: a resource, else a guard, else a setting. */
function subjectOf({ resourceId, guard, setting }: Readonly<Record<string, unknown>>): string {
  return [resourceId, guard, setting].find((subject) => typeof subject === 'string') ?? 'dockwarden';
}
