import {
  alertSeverities,
  type DefenderAlert,
  type DefenderKnowledge,
  isOver,
  type KnownChange,
  MAX_ALERTS,
} from '../../resources/defender.ts';
import type { ResourceType } from '../../resources/resource-map.ts';
import { compliant, type Evidence, type Part, type Severity, type Verdict } from '../define-policy.ts';
import { respondTo } from './playbook.ts';

/** An alert that nobody closes counts for this long, in milliseconds: as long as Defender shows it. */
const FORGOTTEN_AFTER = 90 * 24 * 3_600_000;
/** Most alerts that get a ticket each; those above are counted. */
const MAX_PARTS = 50;
/** Most changes that a ticket names. */
const MAX_CHANGES = 20;

const SEVERITIES: Readonly<Record<DefenderAlert['severity'], Severity>> = {
  High: 'high',
  Medium: 'medium',
  Low: 'low',
  Informational: 'info',
};

/** What is missing where the row of an alert cannot be read. */
export const READABLE_ALERTS = 'stored alerts that can be read';

/** Is somebody still to look into it? */
function isActive({ raisedAt, status }: DefenderAlert, now: Date): boolean {
  return status === 'active' && now.getTime() - Date.parse(raisedAt) < FORGOTTEN_AFTER;
}

/** The active alerts that say that credentials of a registry are stolen. */
export function credentialAlerts({ alerts }: Pick<DefenderKnowledge, 'alerts'>, now: Date): readonly DefenderAlert[] {
  return alerts.filter(
    (alert) =>
      isActive(alert, now) &&
      respondTo(alert, 'Microsoft.ContainerRegistry/registries').responses.includes('credentials-compromised'),
  );
}

/** One part for each alert, so that each has a ticket of its own, which ends when the alert is closed where it came from. */
export function judgeAlerts(knowledge: DefenderKnowledge, resource: ResourceType, now: Date): Verdict {
  const { alerts, unreadable } = knowledge;
  if (alerts.length === 0 && unreadable.length === 0) return compliant;
  const active = alerts.filter((alert) => isActive(alert, now)).toSorted(bySeverity);
  const parts: readonly Part[] = [
    ...unreadable.filter((id) => id !== '').map((id) => uncounted({ id })),
    ...active.slice(0, MAX_PARTS).map((alert) => toPart(alert, knowledge, resource)),
    ...active.slice(MAX_PARTS).map(uncounted),
    ...alerts.filter((alert) => !isActive(alert, now)).map(closed),
  ];
  const told = { parts, ...(mayBeMore(knowledge, now) && { isPartial: true as const }) };
  if (active.length === 0)
    return unreadable.length === 0
      ? { verdict: 'compliant', ...told }
      : { verdict: 'unknown', missing: READABLE_ALERTS, ...told };
  const types = [...new Set(active.map(({ type }) => type))].toSorted().slice(0, 10).join(', ');
  return { verdict: 'violation', evidence: { activeAlerts: active.length, types }, ...told };
}

/** Are there as many as are remembered, so that others may have given way, or one of which not even the id can be read? */
export function mayBeMore({ alerts, unreadable }: DefenderKnowledge, now: Date): boolean {
  const remembered = alerts.filter((alert) => !isOver(alert, now)).length + unreadable.length;
  return remembered >= MAX_ALERTS || unreadable.includes('');
}

/** The worst first; of the same severity they stay in their order. */
function bySeverity(one: DefenderAlert, other: DefenderAlert): number {
  return alertSeverities.indexOf(one.severity) - alertSeverities.indexOf(other.severity);
}

/** Too many, or not to be read: a ticket that it has from before stays as it is. */
function uncounted({ id }: Pick<DefenderAlert, 'id'>): Part {
  return { name: id, verdict: 'unknown', evidence: {} };
}

function closed({ id }: DefenderAlert): Part {
  return { name: id, verdict: 'compliant', evidence: {}, isCertain: true };
}

function toPart(alert: DefenderAlert, knowledge: DefenderKnowledge, resource: ResourceType): Part {
  const response = respondTo(alert, resource);
  const isAboutCredentials = response.responses.includes('credentials-compromised');
  return {
    name: alert.id,
    title: `Defender alert: ${alert.title === '' ? alert.type : alert.title}`,
    severity: SEVERITIES[alert.severity],
    verdict: 'violation',
    isCertain: true,
    evidence: {
      ...evidenceOf(alert),
      response: `${response.responses.join(', ')}: ${response.because}`,
      ...changesOf(knowledge.changes, alert),
      ...(isAboutCredentials && knowledge.tokens === 'unreadable' && { tokens: 'could not be listed' }),
    },
    ...(isAboutCredentials && { items: tokensOf(knowledge) }),
  };
}

function evidenceOf({
  accounts,
  description,
  id,
  intent,
  links,
  raisedAt,
  severity,
  steps,
  type,
}: DefenderAlert): Evidence {
  return {
    alertType: type,
    alertId: id,
    alertSeverity: severity,
    raised: raisedAt,
    ...(intent !== '' && { mitreIntent: intent }),
    ...(description !== '' && { description }),
    ...(steps !== '' && { advice: steps }),
    ...(links !== '' && { links }),
    ...(accounts !== undefined && { accounts }),
  };
}

/** What was done lately, first by the accounts that the alert names; else whoever did it need not be the attacker, and is where people begin to ask. */
function changesOf(changes: readonly KnownChange[], { accounts = '' }: DefenderAlert): Evidence {
  if (changes.length === 0) return {};
  const suspects = accounts.split(' ');
  const isSuspect = ({ actor }: KnownChange) => actor !== undefined && suspects.includes(actor);
  const newest = changes.toReversed();
  const sorted = [...newest.filter(isSuspect), ...newest.filter((change) => !isSuspect(change))];
  const lines = sorted.slice(0, MAX_CHANGES).map((change) => describe(change, isSuspect(change)));
  return { recentChanges: lines.join('\n') };
}

function describe({ actor, application, correlationId, operation, time }: KnownChange, isSuspect: boolean): string {
  const who = actor === undefined ? 'by somebody unknown' : `by ${actor}`;
  const named = isSuspect ? ', whom the alert names' : '';
  const through = application === undefined ? '' : ` through application ${application}`;
  const where = correlationId === undefined ? '' : ` (correlation id ${correlationId})`;
  return `${time} ${operation} ${who}${named}${through}${where}`;
}

function tokensOf({ tokens }: DefenderKnowledge): NonNullable<Part['items']> {
  if (tokens === 'unreadable' || tokens === 'not-asked') return [];
  const detail = 'a token of the registry: its passwords are as old as before, renew them';
  return tokens.map((name) => ({ name, id: name, detail }));
}
