import type { Severity } from '../policy/define-policy.ts';
import type { Issue, Status } from './redmine-schema.ts';
import type { RemoteTicket } from './ticket-system.ts';

/**
 * Redmine knows of a status only whether it is closed. Why it is closed is in its name, which every installation chooses: these words, in English,
 * say "nobody will do it" or "it is in another ticket"; every other closed status means that the work is done.
 */
const WONT_FIX = /reject|won['’]?t|declin|invalid|cancel|refus|abandon/i;
const DUPLICATE = /duplicate/i;

/** A status that both sides know the state of; undefined when the server says it nowhere. */
export function isClosed({ status }: Pick<Issue, 'status'>, statuses: readonly Status[]): boolean | undefined {
  return status.is_closed ?? statuses.find(({ id }) => id === status.id)?.is_closed;
}

/** How a closed issue was closed: by a relation "duplicates", else by the name of its status. */
export function closedAs({ id, status, relations = [] }: Issue): NonNullable<RemoteTicket['closedAs']> {
  const isDuplicate = relations.some((relation) => relation.relation_type === 'duplicates' && relation.issue_id === id);
  if (isDuplicate || DUPLICATE.test(status.name)) return 'duplicate';
  return WONT_FIX.test(status.name) ? 'wont-fix' : 'fixed';
}

/**
 * The status to close with: one that means "done", or for a duplicate one that says so where there is one. `allowed` is what the workflow lets
 * this user do from here, in Redmine's own order; undefined when there is none.
 */
export function chooseClosed(allowed: readonly Status[], isDuplicate: boolean): Status | undefined {
  const closed = allowed.filter((status) => status.is_closed === true);
  const named = isDuplicate ? closed.find(({ name }) => DUPLICATE.test(name)) : undefined;
  return named ?? closed.find(({ name }) => !WONT_FIX.test(name) && !DUPLICATE.test(name));
}

/** The first open status in Redmine's own order: that of new issues. */
export function chooseOpen(allowed: readonly Status[]): Status | undefined {
  return allowed.find((status) => status.is_closed === false);
}

interface Priority {
  readonly id: number;
  readonly is_default?: boolean | undefined;
  readonly active?: boolean | undefined;
}

/** Steps away from the default priority, in the order that Redmine keeps them, lowest first. */
const STEPS: Readonly<Record<Severity, number>> = { high: 1, medium: 0, low: -1, info: -1 };

/** The priority for a severity where none is set: relative to the default one; undefined leaves it to Redmine. */
export function choosePriority(priorities: readonly Priority[], severity: Severity): number | undefined {
  const active = priorities.filter((priority) => priority.active !== false);
  const normal = active.findIndex((priority) => priority.is_default === true);
  if (normal < 0) return undefined;
  return active[Math.min(Math.max(0, normal + STEPS[severity]), active.length - 1)]?.id;
}

/** Value of the field that holds the key; undefined when the issue has no such field, or several values. */
export function keyOf({ custom_fields = [] }: Issue, fieldId: number): string | undefined {
  const value = custom_fields.find(({ id }) => id === fieldId)?.value;
  return typeof value === 'string' ? value : undefined;
}

/** Redmine stores descriptions with CR LF, notes as they come. */
export function isSameText(stored: string | undefined, sent: string): boolean {
  return unify(stored ?? '') === unify(sent);
}

function unify(text: string): string {
  return text.replaceAll(/\r\n?/g, '\n').trim();
}
