import * as z from 'zod';
import type { DefenderAlert } from '../../resources/defender.ts';
import { alertSeverities } from '../../resources/defender.ts';
import { isPlainObject, lenient } from '../../resources/lenient.ts';
import { findResourceId, mentionsCoveredType, parentOf } from '../../resources/resource-id.ts';
import type { Cause } from '../cause.ts';
import { readTime } from '../event-time.ts';
import { findTarget } from '../find-target.ts';
import { type FoundCause, type IgnoredInput, type InvalidInput, ignored, missing } from '../parsed.ts';
import { lowerNames } from './lower-names.ts';

/** Why an alert leads to nothing. */
export type IgnoredAlert = 'sample-alert' | 'test-alert' | 'no-covered-resource' | 'resource-type-not-covered';

/** Lengths beyond which texts are cut, in characters; together they fit into one row. */
const MAX = { id: 128, type: 128, title: 300, description: 4000, intent: 300, steps: 4000, link: 1000, links: 4000 };
const GUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const NOBODY = '00000000-0000-0000-0000-000000000000';
const MAX_ACCOUNTS = 5;
/** Most entities that are looked through for a resource id. */
const MAX_ENTITIES = 200;

const Alert = z.object({
  systemalertid: lenient(
    z
      .string()
      .min(1)
      .max(MAX.id)
      .regex(/^[\w.:-]+$/),
  ),
  alerttype: lenient(z.string().max(MAX.type)),
  severity: lenient(z.string()),
  status: lenient(z.string()),
  alertdisplayname: lenient(z.string()),
  description: lenient(z.string()),
  intent: lenient(z.string()),
  timegenerated: lenient(z.string()),
  timegeneratedutc: lenient(z.string()),
  starttimeutc: lenient(z.string()),
  processingendtime: lenient(z.string()),
  processingendtimeutc: lenient(z.string()),
  azureresourceid: lenient(z.string()),
  alerturi: lenient(z.string()),
  remediationsteps: z.unknown().optional(),
  extendedlinks: z.unknown().optional(),
  extendedproperties: z.unknown().optional(),
  resourceidentifiers: z.unknown().optional(),
  entities: z.unknown().optional(),
});
type Alert = z.infer<typeof Alert>;

/** Statuses in which nobody has to do anything any more. */
const CLOSED = new Set(['resolved', 'dismissed']);

type ParsedAlert = FoundCause | IgnoredInput<IgnoredAlert> | InvalidInput;

/** Reads an alert in the names of the export, of the REST API or of Resource Graph. Acts on none of its texts, and follows no `$ref`. */
export function readAlert(members: Readonly<Record<string, unknown>>): ParsedAlert {
  const raw = Alert.parse(members);
  const raisedAt = readTime(raw.timegenerated) ?? readTime(raw.timegeneratedutc) ?? readTime(raw.starttimeutc);
  const processedAt = readTime(raw.processingendtime) ?? readTime(raw.processingendtimeutc);
  const parsed = judge(raw, raisedAt, processedAt);
  const time = raisedAt ?? processedAt;
  return parsed.result === 'cause' || time === undefined ? parsed : { ...parsed, time };
}

function judge(raw: Alert, raisedAt: string | undefined, processedAt: string | undefined): ParsedAlert {
  const { systemalertid: id, alerttype: type = '' } = raw;
  if (isSample(raw)) return ignored('sample-alert', id);
  if (/(?:^|_)EICAR$/i.test(type)) return ignored('test-alert', id);
  if (id === undefined) return missing('systemAlertId');
  const places = idsOf(raw).filter(mentionsCoveredType);
  const [first] = places;
  if (first === undefined) return ignored('no-covered-resource', id);
  // An odd id does not hide a sound one behind it; where there is none, the first is reported.
  const target = places.map(findResourceId).find((found) => found !== undefined) ?? findTarget(first, id);
  if ('result' in target) return target;
  if (raisedAt === undefined) return missing('timeGenerated', id);
  const isClosed = CLOSED.has(raw.status?.trim().toLowerCase() ?? '');
  const alert: NonNullable<FoundCause['alert']> = {
    id,
    type: clean(type, MAX.type),
    severity: severityOf(raw.severity),
    title: clean((raw.alertdisplayname ?? type).replaceAll(/\s+/g, ' '), MAX.title),
    description: clean(raw.description ?? '', MAX.description),
    intent: clean(raw.intent ?? '', MAX.intent),
    steps: clean(textsOf(raw.remediationsteps).join('\n'), MAX.steps),
    links: linksOf(raw),
    ...accountsOf(raw),
    raisedAt,
    changedAt: processedAt ?? raisedAt,
    status: isClosed ? 'closed' : 'active',
  };
  // Attackers are after the vault; which of its keys they touched is in the text.
  return { result: 'cause', resourceId: parentOf(target), cause: causeOf(alert), alert };
}

/** An alert that is closed is no attack any more. */
function causeOf({ changedAt, id, raisedAt, status, type }: NonNullable<FoundCause['alert']>): Cause {
  if (status === 'active') return { kind: 'alert', id, time: raisedAt, operation: type };
  const operation = 'Microsoft.Security/alerts/closed';
  // It may be opened again, and closed once more.
  return { kind: 'notification', id: `${id} closed ${changedAt}`, time: changedAt, operation };
}

/** Everywhere an alert may name its resource, the most telling place first. */
function idsOf(raw: Alert): readonly string[] {
  const { effectiveazureresourceid: effective } = lowerNames(raw.extendedproperties);
  const identifiers = arrayOf(raw.resourceidentifiers).map((identifier) => lowerNames(identifier)['azureresourceid']);
  const entities = arrayOf(raw.entities).flatMap(resourceIdsOf);
  return [effective, ...identifiers, raw.azureresourceid, ...entities].filter((id) => typeof id === 'string');
}

/** An entity of type `azure-resource`, or the cloud resource inside one. */
function resourceIdsOf(entity: unknown): readonly unknown[] {
  const { resourceid, cloudresource } = lowerNames(entity);
  return [resourceid, lowerNames(cloudresource)['resourceid']];
}

/** The accounts of Entra that it names: object ids only, as the audit has them. */
function accountsOf({ entities }: Alert): Pick<DefenderAlert, 'accounts'> {
  const ids = arrayOf(entities)
    .map((entity) => lowerNames(entity)['aaduserid'])
    .filter((id) => typeof id === 'string')
    .map((id) => id.trim().toLowerCase())
    .filter((id) => GUID.test(id) && id !== NOBODY);
  const accounts = [...new Set(ids)].slice(0, MAX_ACCOUNTS).join(' ');
  return accounts === '' ? {} : { accounts };
}

/** Any of the three marks that Microsoft puts on samples. */
function isSample({ alertdisplayname = '', description = '', entities }: Alert): boolean {
  if (/^\s*\[SAMPLE ALERT\]/i.test(alertdisplayname) || /^\s*THIS IS A SAMPLE ALERT/i.test(description)) return true;
  return arrayOf(entities).some((entity) =>
    arrayOf(lowerNames(entity)['threatintelligence']).some(
      (source) => lowerNames(source)['providername'] === 'AlertSimulator',
    ),
  );
}

/** One that nobody knows counts as high: it is better to look once too often. */
function severityOf(text: string | undefined): DefenderAlert['severity'] {
  return alertSeverities.find((known) => known.toLowerCase() === text?.trim().toLowerCase()) ?? 'High';
}

/** As many as fit: one that was cut would lead to somewhere else. */
function linksOf({ alerturi, extendedlinks }: Alert): string {
  const others = arrayOf(extendedlinks).map((link) => lowerNames(link)['href']);
  const links = [alerturi, ...others].filter((link) => typeof link === 'string').map(secureLink);
  const kept: string[] = [];
  for (const link of links) if (link !== undefined && [...kept, link].join(' ').length <= MAX.links) kept.push(link);
  return kept.join(' ');
}

/** Nobody is sent to anything but https. */
function secureLink(text: string): string | undefined {
  const url = URL.parse(text);
  if (url === null || url.protocol !== 'https:' || url.username !== '' || url.password !== '') return undefined;
  return url.href.length > MAX.link ? undefined : url.href;
}

function textsOf(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value];
  return arrayOf(value).filter((item) => typeof item === 'string');
}

function arrayOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value.slice(0, MAX_ENTITIES) : [];
}

/** Without characters that hide or reorder text; line breaks stay. */
function clean(text: string, length: number): string {
  return text
    .replaceAll(/\r\n?/g, '\n')
    .replaceAll(/[^\P{C}\n]/gu, ' ')
    .trim()
    .slice(0, length)
    .toWellFormed();
}

/** Does it look like an alert, in whichever names? */
export function looksLikeAlert(members: Readonly<Record<string, unknown>>): boolean {
  return typeof members['alerttype'] === 'string' || typeof members['systemalertid'] === 'string';
}

/** The alert itself, without what the REST API and its documentation wrap around it. */
export function unwrapAlert(members: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { properties } = members;
  if (looksLikeAlert(members) || !isPlainObject(properties)) return members;
  const inner = lowerNames(properties);
  if (!looksLikeAlert(inner)) return members;
  // The REST API names the alert outside, too.
  const { systemalertid: id } = inner;
  return { ...inner, systemalertid: typeof id === 'string' && id !== '' ? id : members['name'] };
}
