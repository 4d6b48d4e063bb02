import * as z from 'zod';
import { parseRetryAfter } from '../outbound/retry-after.ts';
import { isPlainObject } from '../resources/lenient.ts';
import type { TicketAnswer } from './http.ts';
import { type RemoteTicket, TicketError } from './ticket-system.ts';

/** What we read of a repository. */
export const GitHubRepository = z.object({
  full_name: z.string(),
  private: z.boolean(),
  has_issues: z.boolean(),
  archived: z.boolean(),
});

/** What we read of an issue; pull requests come in the same lists. */
export const GitHubIssue = z.object({
  number: z.int().positive(),
  html_url: z.string(),
  state: z.enum(['open', 'closed']),
  state_reason: z.string().nullish(),
  title: z.string(),
  body: z.string().nullish(),
  labels: z.array(z.union([z.string(), z.object({ name: z.string().nullish() })])).readonly(),
  pull_request: z.unknown().optional(),
  created_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
  closed_at: z.iso.datetime().nullish(),
});
export type GitHubIssue = z.infer<typeof GitHubIssue>;

/** Wait when GitHub does not say how long. The schedule of the ticket makes it grow. */
const LIMIT_PAUSE_MS = 60_000;
const MAX_PAUSE_MS = 86_400_000;

/** Names of the labels, without empty ones. */
export function labelsOf({ labels }: GitHubIssue): readonly string[] {
  return labels.map((label) => (typeof label === 'string' ? label : (label.name ?? ''))).filter((name) => name !== '');
}

/** Last line of a body that is ours. */
export function markerOf(key: string): string {
  return `<!-- dockwarden: ${key} -->`;
}

/** Does the body end in the marker of this key? Anywhere else it may be a quotation, or text of somebody else. */
export function hasMarker(issue: GitHubIssue, key: string): boolean {
  return (issue.body ?? '').trimEnd().split(/\r?\n/).at(-1) === markerOf(key);
}

export function toRemoteTicket(issue: GitHubIssue): RemoteTicket {
  return {
    id: String(issue.number),
    url: issue.html_url,
    state: issue.state,
    ...(issue.state === 'closed' && { closedAs: closedAsOf(issue.state_reason) }),
    updatedAt: new Date(issue.updated_at),
  };
}

/** Issues closed before there were reasons have none: they count as done. */
function closedAsOf(reason: string | null | undefined): 'fixed' | 'wont-fix' | 'duplicate' {
  if (reason === 'not_planned') return 'wont-fix';
  return reason === 'duplicate' ? 'duplicate' : 'fixed';
}

/** GitHub says "too many requests" with 403 as well as with 429, and how long to wait in three ways. */
export function refusalOf({ status, headers, json }: TicketAnswer, host: string, now: Date): TicketError | undefined {
  if (status !== 403 && status !== 429) return undefined;
  const said = isPlainObject(json) && typeof json['message'] === 'string' ? json['message'] : '';
  const asked = parseRetryAfter(headers.get('retry-after'), now);
  const isExhausted = headers.get('x-ratelimit-remaining') === '0';
  if (status === 429 || asked !== undefined || isExhausted || /rate limit/i.test(said)) {
    const retryAfterMs = asked ?? (isExhausted ? untilReset(headers, now) : undefined) ?? LIMIT_PAUSE_MS;
    return new TicketError('rate-limited', `${host} answered ${status}: ${said || 'too many requests'}`, {
      retryAfterMs,
    });
  }
  // One issue is locked: the credential is as good as before.
  return /\blocked\b/i.test(said) ? new TicketError('invalid', `${host} answered 403: ${said}`) : undefined;
}

/** `x-ratelimit-reset`: the second from which requests are taken again. */
function untilReset(headers: Headers, now: Date): number | undefined {
  const text = headers.get('x-ratelimit-reset') ?? '';
  if (!/^\d{1,12}$/.test(text)) return undefined;
  return Math.min(Math.max(1000, Number(text) * 1000 - now.getTime()), MAX_PAUSE_MS);
}
