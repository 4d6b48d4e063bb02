import type { AuditRecord } from '../src/audit/audit-log.ts';

/** One line for people about an audit row; undefined for rows that another line tells (an intent is followed by its outcome). */
export function formatAuditLine(record: AuditRecord): string | undefined {
  const what = describe(record);
  if (what === undefined) return undefined;
  // Of a key the last part, as of every id below: the vault is left out.
  const name = record.resourceName?.split('/').at(-1) ?? '-';
  const columns = [formatTime(record.time), name.padEnd(15), record.policyId?.padEnd(33)];
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
      if (outcome === 'fixed') return `fixed in ${formatLatency(record)}`;
      if (outcome === 'locked') return `locked: a management lock forbids it: ${shortenFromEnd(error ?? reason)}`;
      return `${outcome}: ${shorten(error ?? reason)}`;
    case 'decision':
      return `${decision}: ${describeReason(reason)}${error === undefined ? '' : `, ${shorten(error)}`}`;
    case 'intent':
      return undefined;
    case 'undo':
    case 'approval':
    case 'operator':
    case 'notice':
      return `${stage}: ${withText(reason, error)}`;
    case 'ticket':
      return `${reason}${error === undefined ? '' : `: ${shorten(error)}`}`;
    case 'input':
    case 'configuration':
      // The ids in them are what was wrong.
      return `${stage}: ${cut(error ?? reason ?? '')}`;
  }
}

/** What people asked for, or are told, and the text that goes with it. */
function withText(reason: string | undefined, error: string | undefined): string {
  return [reason, error === undefined ? undefined : shorten(error)].filter((text) => text !== undefined).join(', ');
}

const REASONS: Readonly<Record<string, string>> = {
  'mode-observe': 'the remediation only observes',
  'mode-approve': 'the remediation waits for approval',
};

function describeReason(reason: string | undefined): string {
  return REASONS[reason ?? ''] ?? reason ?? '';
}

function describeCause({ actor, actorType, causeId, causeKind }: AuditRecord): string {
  if (actor !== undefined && causeKind === 'operator') return `(asked for by ${actor})`;
  if (actor !== undefined) return `(last changed by ${actor}, ${describeActor(actorType)})`;
  // What cannot be read is no alert, wherever it came in.
  if (causeId?.startsWith('poison/') === true) return `(kept as ${causeId})`;
  if (causeKind === 'alert') return `(because of alert ${causeId ?? 'without an id'})`;
  return CAUSES[causeKind ?? ''] ?? '';
}

const CAUSES: Readonly<Record<string, string>> = {
  sweep: '(found by the sweep)',
  notification: '(a service has told of news)',
};

function describeActor(type: string | undefined): string {
  if (type === 'ServicePrincipal') return 'service principal';
  return type?.toLowerCase() ?? 'unknown kind';
}

const LONGEST = 110;

/** Errors of Azure are paragraphs, ids are lines: a person wants the last part of an id and the first sentence. */
function shorten(text: string | undefined): string {
  return cut(nameIds(text));
}

/** Azure's text about a lock begins with who asked for what, and ends with the locks. */
function shortenFromEnd(text: string | undefined): string {
  const names = nameIds(text);
  return names.length > LONGEST ? `...${names.slice(-(LONGEST - 3))}` : names;
}

function nameIds(text: string | undefined): string {
  return (text ?? '').replaceAll(/\/subscriptions\/[^\s,'"]*\/([^/\s,'"]+)/gi, '$1');
}

function cut(text: string): string {
  return text.length > LONGEST ? `${text.slice(0, LONGEST - 3)}...` : text;
}

function formatTime(time: string): string {
  return new Date(time).toTimeString().slice(0, 8);
}
