import type { Severity } from '../policy/define-policy.ts';
import type { State, WorkItem } from './azure-devops-schema.ts';
import type { TicketAnswer } from './http.ts';
import { type RemoteTicket, TicketError } from './ticket-system.ts';

export const PRIORITY: Readonly<Record<Severity, number>> = { high: 1, medium: 2, low: 3, info: 4 };

/** Tag of every ticket of ours, besides its key. */
const OWN_TAG = 'dockwarden';

/**
 * The reasons of the processes that Microsoft ships which mean "nobody will do it". Reasons of other processes and languages count as done, as
 * their state says.
 */
const WONT_FIX =
  /\b(?:cut|deferred|obsolete|as designed|cannot reproduce|rejected|won['’]?t|not a bug|removed|abandoned|copied to backlog)\b/i;

/** Is this item closed? By the category of its state; `Resolved` waits for somebody to verify it, so it is open. */
export function isClosedState(state: string, states: readonly State[]): boolean | undefined {
  const category = states.find(({ name }) => name.toLowerCase() === state.toLowerCase())?.category;
  return category === undefined ? undefined : category === 'Completed' || category === 'Removed';
}

/** How a closed item was closed: by its reason where that is known, else by the category of its state. */
export function closedAs({ fields }: WorkItem, states: readonly State[]): NonNullable<RemoteTicket['closedAs']> {
  const reason = fields['System.Reason'] ?? '';
  if (/duplicate/i.test(reason)) return 'duplicate';
  const state = states.find(({ name }) => name.toLowerCase() === fields['System.State'].toLowerCase());
  return state?.category === 'Removed' || WONT_FIX.test(reason) ? 'wont-fix' : 'fixed';
}

/** Tags of an item; they keep the case in which somebody first wrote them anywhere in the project. */
export function tagsOf({ fields }: WorkItem): readonly string[] {
  return (fields['System.Tags'] ?? '')
    .split(';')
    .map((tag) => tag.trim())
    .filter((tag) => tag !== '');
}

export function hasTag(item: WorkItem, tag: string): boolean {
  return tagsOf(item).some((own) => own.toLowerCase() === tag.toLowerCase());
}

/** Ours after those that people added: the field can only be replaced as a whole. */
export function tagsWith(existing: readonly string[], key: string): string {
  const added = [OWN_TAG, key].filter((tag) => !existing.some((own) => own.toLowerCase() === tag.toLowerCase()));
  return [...existing, ...added].join('; ');
}

/** Is it in this project? A project that is set by its id cannot be compared; the query was bound to it. */
export function isInProject({ fields }: WorkItem, project: string): boolean {
  const isId = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i.test(project);
  return isId || fields['System.TeamProject']?.toLowerCase() === project.toLowerCase();
}

/** What Azure DevOps says in its own way: a credential that is refused gets a page, with 203 or a redirect to the sign-in page. */
export function refusalOf({ status }: TicketAnswer): TicketError | undefined {
  const isSignIn = status === 203 || status === 302;
  return isSignIn
    ? new TicketError('auth', `Azure DevOps answered ${status}, its sign-in page: the token is not accepted`)
    : undefined;
}
