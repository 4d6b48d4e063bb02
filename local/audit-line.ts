import type { AuditRecord } from '../src/audit/audit-log.ts';

/** One line for people about an audit row; undefined for rows that another line tells (an intent is followed by its outcome). */
export function formatAuditLine(record: AuditRecord): string | undefined {
  const what = describe(record);
  if (what === undefined) return undefined;
  const columns = [formatTime(record.time), (record.resourceName ?? '-').padEnd(13), record.policyId?.padEnd(26)];
  return [...columns.filter((column) => column !== undefined), what, describeCause(record)].join('  ').trimEnd();
}

/** Seconds from the event to the outcome, with one decimal; empty when the row has none. */
export function formatLatency({ latencyMs }: AuditRecord): string {
  return latencyMs === undefined ? '' : `${(latencyMs / 1000).toFixed(1)} s`;
}

function describe(record: AuditRecord): string | undefined {
  const { decision, error, outcome, reason, stage } = record;
  switch (stage) {
    case 'outcome':
      return outcome === 'fixed' ? `fixed in ${formatLatency(record)}` : `${outcome}: ${shorten(error ?? reason)}`;
    case 'decision':
      return `${decision}: ${describeReason(reason)}${error === undefined ? '' : `, ${shorten(error)}`}`;
    case 'intent':
      return undefined;
    case 'undo':
    case 'approval':
    case 'operator':
    case 'ticket':
    case 'input':
    case 'configuration':
      return `${stage}: ${shorten(error ?? reason)}`;
  }
}

const REASONS: Readonly<Record<string, string>> = {
  'mode-observe': 'the remediation only observes',
  'mode-approve': 'the remediation waits for approval',
};

function describeReason(reason: string | undefined): string {
  return REASONS[reason ?? ''] ?? reason ?? '';
}

function describeCause({ actor, actorType, causeKind }: AuditRecord): string {
  if (actor !== undefined) return `(last changed by ${actor}, ${describeActor(actorType)})`;
  return causeKind === 'sweep' ? '(found by the sweep)' : '';
}

function describeActor(type: string | undefined): string {
  if (type === 'ServicePrincipal') return 'service principal';
  return type?.toLowerCase() ?? 'unknown kind';
}

/** Errors of Azure are paragraphs, ids are lines: a person wants the last part of an id and the first sentence. */
function shorten(text: string | undefined): string {
  const names = (text ?? '').replaceAll(/\/subscriptions\/[^\s,'"]*\/([^/\s,'"]+)/gi, '$1');
  return names.length > 110 ? `${names.slice(0, 107)}...` : names;
}

function formatTime(time: string): string {
  return new Date(time).toTimeString().slice(0, 8);
}
