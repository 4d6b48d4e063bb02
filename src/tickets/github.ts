import * as z from 'zod';
import {
  GitHubIssue,
  GitHubRepository,
  hasMarker,
  labelsOf,
  markerOf,
  refusalOf,
  toRemoteTicket,
} from './github-answers.ts';
import { createTicketHttp, readAnswer, type TicketAnswer, type TicketHttpOptions } from './http.ts';
import { escapeMarkdown, renderMarkdown } from './text/markdown.ts';
import { BODY_MAX, titleLine } from './text/plain.ts';
import { type CloseReason, type TicketDraft, TicketError, type TrackingSystem } from './ticket-system.ts';

export interface GitHubOptions extends Pick<TicketHttpOptions, 'fetch' | 'timeouts' | 'allowLoopbackHttp' | 'now'> {
  /** `owner/name`. */
  readonly repository: string;
  /** A fine-grained or an installation token: Issues read and write, Metadata read. Asked for at every request. */
  getToken(signal: AbortSignal): Promise<string>;
  /** Findings are not for the public: without this, a repository that is not private is refused. */
  readonly allowPublic?: boolean;
  /** Without a slash at the end; default `https://api.github.com`. On an own server `https://{host}/api/v3`. */
  readonly baseUrl?: string;
}

const DEFAULT_BASE_URL = 'https://api.github.com';
const API_VERSION = '2022-11-28';
const LABEL = 'dockwarden';
const MAX_TITLE = 200;
/** Room for severity and marker below the text. */
const FOOTER_ROOM = 200;
const MAX_FOUND = 5;
const PER_PAGE = 100;
/** Newest issues that are searched for the marker when the label finds nothing: what a lost answer left is among them. Long ones, so few a page. */
const MARKER_PAGES = 4;
const MARKERS_PER_PAGE = 25;
/** How long we remember that labels were dropped. After that one more ticket finds out whether it is mended. */
const LABELS_DROPPED_MS = 3_600_000;
/** Nobody verified how soon a new issue is found by its label. */
const SETTLE_MS = 120_000;
const REPOSITORY = /^[a-z\d](?:[a-z\d-]{0,38})\/(?!\.{1,2}$)[\w.-]{1,100}$/i;
const ISSUE_NUMBER = /^[1-9]\d{0,14}$/;
const KEY = /^[a-z\d-]{1,50}$/;

const STATE_REASONS = { fixed: 'completed', obsolete: 'not_planned', duplicate: 'duplicate' } as const satisfies Record<
  CloseReason,
  string
>;

/** Issues of one GitHub repository (facts: tickets §6.2). */
export function createGitHubSystem(options: GitHubOptions): TrackingSystem {
  const { repository, baseUrl = DEFAULT_BASE_URL, allowPublic = false, now = () => new Date() } = options;
  const host = URL.parse(baseUrl)?.host ?? baseUrl;
  const web = `https://${host === 'api.github.com' ? 'github.com' : host}/${repository}/issues/`;
  const http = createTicketHttp({
    ...options,
    host,
    now,
    refusal: (answer) => refusalOf(answer, host, now()),
  });
  let labelsDroppedAt: Date | undefined;

  async function send(
    method: 'GET' | 'POST' | 'PATCH',
    path: string,
    expect: readonly number[],
    signal: AbortSignal,
    body?: Readonly<Record<string, unknown>>,
  ): Promise<TicketAnswer> {
    if (!REPOSITORY.test(repository))
      throw new TicketError('invalid', 'the GitHub repository is not set as owner/name');
    const url = URL.parse(`${baseUrl}/repos/${repository}${path}`);
    if (url === null) throw new TicketError('invalid', "the base address of GitHub's API is not an address");
    const headers = {
      accept: 'application/vnd.github+json',
      authorization: `Bearer ${await readToken(signal)}`,
      'user-agent': 'dockwarden',
      'x-github-api-version': API_VERSION,
    };
    if (body === undefined) return await http.send({ method, url, headers, effect: 'read', expect }, signal);
    return await http.send(
      {
        method,
        url,
        headers: { ...headers, 'content-type': 'application/json' },
        body: JSON.stringify(body),
        effect: 'write',
        expect,
      },
      signal,
    );
  }

  /** An error of the vault may quote anything, so it does not go on. */
  async function readToken(signal: AbortSignal): Promise<string> {
    let token: string;
    try {
      token = await options.getToken(signal);
    } catch (error) {
      if (error instanceof TicketError) throw error;
      throw new TicketError('unavailable', 'the token for GitHub could not be read');
    }
    if (token.trim() === '') throw new TicketError('auth', 'the token for GitHub is empty');
    return token.trim();
  }

  async function list(query: Readonly<Record<string, string>>, signal: AbortSignal): Promise<readonly GitHubIssue[]> {
    const parameters = new URLSearchParams({ state: 'all', per_page: String(PER_PAGE), ...query });
    const answer = await send('GET', `/issues?${parameters.toString()}`, [200], signal);
    return readAnswer(z.array(GitHubIssue).readonly(), answer, 'read');
  }

  /** A pull request, and an issue that lives elsewhere, is none of ours. */
  function isOurs(issue: GitHubIssue): boolean {
    const expected = `${web}${issue.number}`;
    return (issue.pull_request ?? null) === null && issue.html_url.toLowerCase() === expected.toLowerCase();
  }

  function noteLabels(issue: GitHubIssue, key: string): void {
    labelsDroppedAt = labelsOf(issue).includes(key) ? undefined : now();
  }

  async function findIssue(id: string, signal: AbortSignal): Promise<GitHubIssue | undefined> {
    requireNumber(id);
    const answer = await send('GET', `/issues/${id}`, [200, 301, 404, 410], signal);
    if (answer.status === 301) {
      // Transferred to another repository; a redirect away from GitHub is something else.
      const target = URL.parse(answer.headers.get('location') ?? '', baseUrl);
      if (target?.host === host) return undefined;
      throw new TicketError('invalid', `${host} answered 301, a redirect to another host, which is not followed`);
    }
    if (answer.status !== 200) return undefined;
    const issue = readAnswer(GitHubIssue, answer, 'read');
    return isOurs(issue) ? issue : undefined;
  }

  async function getIssue(id: string, signal: AbortSignal): Promise<GitHubIssue> {
    const issue = await findIssue(id, signal);
    if (issue !== undefined) return issue;
    throw new TicketError('not-found', `issue ${id} is not in ${repository}, or may not be seen`);
  }

  async function change(
    id: string,
    patch: Readonly<Record<string, unknown>>,
    signal: AbortSignal,
  ): Promise<GitHubIssue> {
    return readAnswer(GitHubIssue, await send('PATCH', `/issues/${id}`, [200], signal, patch), 'write');
  }

  async function addComment(id: string, markdown: string, signal: AbortSignal): Promise<void> {
    if (markdown === '') return;
    await send('POST', `/issues/${id}/comments`, [201], signal, { body: markdown });
  }

  /**
   * The state first: it can be repeated, a comment would be there twice. A comment that got lost after the state was changed stays lost, as the
   * next attempt finds the state as wanted.
   */
  async function setState(
    id: string,
    patch: { readonly state: 'open' | 'closed'; readonly state_reason: string },
    markdown: string,
    signal: AbortSignal,
  ): Promise<void> {
    const { state } = await getIssue(id, signal);
    if (state === patch.state) return;
    const changed = await change(id, patch, signal);
    if (changed.state !== patch.state)
      throw new TicketError(
        'invalid',
        `GitHub accepted that issue ${id} is to be ${patch.state}, and left it as it was`,
      );
    await addComment(id, markdown, signal);
  }

  return {
    kind: 'tracking',
    id: 'github',
    place: `github:${repository}`.toLowerCase(),
    settleMs: SETTLE_MS,

    async probe(signal) {
      const found = readAnswer(GitHubRepository, await send('GET', '', [200], signal), 'read');
      if (found.full_name.toLowerCase() !== repository.toLowerCase())
        throw new TicketError('not-found', `GitHub answered with another repository than ${repository}`);
      if (!found.private && !allowPublic)
        throw new TicketError('invalid', `${repository} is not private, and findings are not for the public`);
      if (found.archived) throw new TicketError('invalid', `${repository} is archived: nothing can be written to it`);
      if (!found.has_issues) throw new TicketError('not-found', `issues are switched off in ${repository}`);
      if (labelsDroppedAt !== undefined && now().getTime() - labelsDroppedAt.getTime() < LABELS_DROPPED_MS)
        throw new TicketError(
          'auth',
          `GitHub drops the labels of issues in ${repository}: the account of the token needs at least the role Write there`,
        );
    },

    async findByKey(key, since, signal) {
      const byLabel = (await list({ labels: requireKey(key) }, signal)).filter(
        (issue) => isOurs(issue) && labelsOf(issue).includes(key),
      );
      const labelled = choose(byLabel, since);
      if (labelled.length > 0) return labelled;
      // Labels may have been dropped, or taken off by a person.
      const byMarker: GitHubIssue[] = [];
      for (let page = 1; page <= MARKER_PAGES; page++) {
        const query = { sort: 'created', direction: 'desc', per_page: String(MARKERS_PER_PAGE), page: String(page) };
        const issues = await list(query, signal);
        byMarker.push(...issues.filter((issue) => isOurs(issue) && hasMarker(issue, key)));
        if (issues.length < MARKERS_PER_PAGE) break;
      }
      return choose(byMarker, since);
    },

    async create(draft, key, signal) {
      const labels = [LABEL, requireKey(key)];
      const answer = await send('POST', '/issues', [201], signal, { ...contentOf(draft, key), labels });
      const issue = readAnswer(GitHubIssue, answer, 'write');
      if (!isOurs(issue)) throw new TicketError('invalid', `GitHub made the issue outside of ${repository}`);
      noteLabels(issue, key);
      if (labelsDroppedAt !== undefined && !hasMarker(issue, key))
        throw new TicketError(
          'invalid',
          `GitHub made issue ${issue.number} without the key: neither label nor text has it`,
        );
      return toRemoteTicket(issue);
    },

    async get(id, signal) {
      const issue = await findIssue(id, signal);
      return issue === undefined ? undefined : toRemoteTicket(issue);
    },

    async update(id, draft, key, signal) {
      const issue = await getIssue(id, signal);
      const content = contentOf(draft, requireKey(key));
      const present = labelsOf(issue);
      const missing = [LABEL, key].filter((label) => !present.includes(label));
      if (missing.length === 0 && issue.title === content.title && issue.body === content.body) return;
      // A change of labels replaces them all, so they are sent only when one of ours is missing.
      const labels = missing.length === 0 ? {} : { labels: [...present, ...missing] };
      const changed = await change(id, { ...content, ...labels }, signal);
      noteLabels(changed, key);
      if (!hasMarker(changed, key))
        throw new TicketError('invalid', `GitHub accepted the new text of issue ${id}, and left it as it was`);
    },

    async comment(id, text, signal) {
      requireNumber(id);
      await addComment(id, textOf(text), signal);
    },

    async close(id, reason, text, signal) {
      const escaped = textOf(text);
      const markdown = reason === 'duplicate' ? linkOwnIssues(escaped, escapeMarkdown(web)) : escaped;
      await setState(id, { state: 'closed', state_reason: STATE_REASONS[reason] }, markdown, signal);
    },

    async reopen(id, text, signal) {
      await setState(id, { state: 'open', state_reason: 'reopened' }, textOf(text), signal);
    },
  };
}

/** Only what a duplicate refers to becomes a link: `#12` for the escaped address of an issue of this repository, in any letter case. */
function linkOwnIssues(markdown: string, escapedWeb: string): string {
  const address = escapedWeb.replaceAll(/[^a-z0-9]/gi, String.raw`\$&`);
  return markdown.replaceAll(new RegExp(String.raw`${address}(?=\d)`, 'gi'), '#');
}

/** Text of a comment. */
function textOf(text: string): string {
  return renderMarkdown([{ kind: 'text', text }]);
}

function requireNumber(id: string): void {
  if (!ISSUE_NUMBER.test(id)) throw new TicketError('invalid', 'the id of a GitHub issue is its number');
}

function requireKey(key: string): string {
  if (KEY.test(key)) return key;
  throw new TicketError('invalid', 'a key that GitHub could not take as a label');
}

function contentOf(draft: TicketDraft, key: string): { readonly title: string; readonly body: string } {
  const text = renderMarkdown(draft.body, BODY_MAX - FOOTER_ROOM);
  return {
    title: titleLine(draft.title, MAX_TITLE),
    body: [text, `Severity: ${draft.severity}`, markerOf(key)].filter((part) => part !== '').join('\n\n'),
  };
}

/** Open ones, and those closed since then; oldest first. When there are too many, open ones matter more. */
function choose(issues: readonly GitHubIssue[], since: Date) {
  const isWanted = (issue: GitHubIssue) =>
    issue.state === 'open' || Date.parse(issue.closed_at ?? issue.updated_at) >= since.getTime();
  const byAge = issues
    .filter(isWanted)
    .toSorted((a, b) => Date.parse(a.created_at) - Date.parse(b.created_at) || a.number - b.number);
  const open = byAge.filter(({ state }) => state === 'open');
  const closed = byAge.filter(({ state }) => state === 'closed');
  const kept = new Set([...open, ...closed].slice(0, MAX_FOUND));
  return byAge.filter((issue) => kept.has(issue)).map(toRemoteTicket);
}
