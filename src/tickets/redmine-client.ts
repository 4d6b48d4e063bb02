import type { Severity } from '../policy/define-policy.ts';
import { createTicketHttp, readAnswer, type TicketAnswer, type TicketHttpOptions } from './http.ts';
import { createAddress } from './http-address.ts';
import { createHourlyCache } from './http-cache.ts';
import { choosePriority } from './redmine-rules.ts';
import { type Issue, OneIssue, Priorities, Project, type Status, Statuses } from './redmine-schema.ts';
import { TicketError } from './ticket-system.ts';

export interface RedmineOptions {
  /** May have a path: `https://example.com/redmine`. */
  readonly baseUrl: string;
  readonly apiKey: string;
  /** Identifier or number. */
  readonly projectId: string;
  readonly trackerId: number;
  /** Custom field of the issues that holds the key: text, used as a filter, of at least 35 characters. */
  readonly fieldId: number;
  /** Default: the default priority for medium, the next one up for high, the next one down for the others. */
  readonly priorities?: Partial<Readonly<Record<Severity, number>>>;
  readonly http?: Pick<TicketHttpOptions, 'fetch' | 'allowLoopbackHttp' | 'timeouts'>;
  readonly now?: () => Date;
}

/** What is written into an issue, in Redmine's words. */
export interface IssueChange {
  readonly subject?: string;
  readonly description?: string;
  readonly priority_id?: number;
  readonly status_id?: number;
  readonly notes?: string;
  readonly custom_fields?: readonly { readonly id: number; readonly value: string }[];
}

/** The requests to one Redmine, before anything is made of the answers. Everything rejects with `TicketError`. */
export interface RedmineClient {
  read(
    segments: readonly string[],
    query: Readonly<Record<string, string>>,
    signal: AbortSignal,
    expect?: readonly number[],
  ): Promise<TicketAnswer>;
  /** Redmine answers with the issue that it made. */
  create(issue: IssueChange, signal: AbortSignal): Promise<Issue>;
  /** Redmine answers with nothing, whatever it made of it. */
  change(id: string, issue: IssueChange, signal: AbortSignal): Promise<void>;
  /** `include`: what Redmine is to say besides, or nothing. */
  findIssue(id: string, include: string, signal: AbortSignal): Promise<Issue | undefined>;
  readIssue(id: string, include: string, signal: AbortSignal): Promise<Issue>;
  /** All statuses in their order, kept for one hour. */
  readStatuses(signal: AbortSignal): Promise<readonly Status[]>;
  /** As set, else chosen from those that there are; undefined leaves it to Redmine. */
  readPriority(severity: Severity, signal: AbortSignal): Promise<number | undefined>;
  /** The number behind the project's identifier, which is what issues carry. */
  readProject(signal: AbortSignal): Promise<number>;
}

export function createRedmineClient(options: RedmineOptions): RedmineClient {
  const { baseUrl, apiKey, projectId, trackerId, now = () => new Date() } = options;
  const http = createTicketHttp({ ...options.http, host: URL.parse(baseUrl)?.host ?? '', now });
  const statusCache = createHourlyCache<readonly Status[]>(now);
  const priorityCache = createHourlyCache<readonly { readonly id: number }[]>(now);
  const projectCache = createHourlyCache<number>(now);

  async function read(
    segments: readonly string[],
    query: Readonly<Record<string, string>>,
    signal: AbortSignal,
    expect: readonly number[] = [200],
  ): Promise<TicketAnswer> {
    const url = createAddress(baseUrl, segments, query);
    return await http.send({ method: 'GET', url, headers: headers(), effect: 'read', expect }, signal);
  }

  async function change(id: string, issue: IssueChange, signal: AbortSignal): Promise<void> {
    const url = createAddress(baseUrl, ['issues', `${numberOf(id)}.json`]);
    const body = JSON.stringify({ issue });
    await http.send({ method: 'PUT', url, headers: headers(), body, effect: 'write', expect: [200, 204] }, signal);
  }

  function headers(): Readonly<Record<string, string>> {
    return { accept: 'application/json', 'content-type': 'application/json', 'x-redmine-api-key': apiKey };
  }

  async function readStatuses(signal: AbortSignal): Promise<readonly Status[]> {
    return await statusCache('all', async () => {
      const answer = await read(['issue_statuses.json'], {}, signal);
      return readAnswer(Statuses, answer, 'read').issue_statuses;
    });
  }

  async function readPriority(severity: Severity, signal: AbortSignal): Promise<number | undefined> {
    const set = options.priorities?.[severity];
    if (set !== undefined) return set;
    const all = await priorityCache('all', async () => {
      const answer = await read(['enumerations', 'issue_priorities.json'], {}, signal);
      return readAnswer(Priorities, answer, 'read').issue_priorities;
    });
    return choosePriority(all, severity);
  }

  async function readProject(signal: AbortSignal): Promise<number> {
    return await projectCache('all', async () => {
      const answer = await read(['projects', `${projectId}.json`], {}, signal);
      return readAnswer(Project, answer, 'read').project.id;
    });
  }

  async function findIssue(id: string, include: string, signal: AbortSignal): Promise<Issue | undefined> {
    const query = include === '' ? {} : { include };
    const answer = await read(['issues', `${numberOf(id)}.json`], query, signal, [200, 404, 410]);
    return answer.status === 200 ? readAnswer(OneIssue, answer, 'read').issue : undefined;
  }

  async function readIssue(id: string, include: string, signal: AbortSignal): Promise<Issue> {
    const issue = await findIssue(id, include, signal);
    if (issue === undefined) throw new TicketError('not-found', `Redmine has no issue #${id}, or hides it`);
    return issue;
  }

  async function create(content: IssueChange, signal: AbortSignal): Promise<Issue> {
    const url = createAddress(baseUrl, ['issues.json']);
    const body = JSON.stringify({ issue: { project_id: projectId, tracker_id: trackerId, ...content } });
    const answer = await http.send(
      { method: 'POST', url, headers: headers(), body, effect: 'write', expect: [201] },
      signal,
    );
    return readAnswer(OneIssue, answer, 'write').issue;
  }

  return { read, create, change, findIssue, readIssue, readStatuses, readPriority, readProject };
}

/** Ids come from a row: nothing but a number may become part of an address. */
function numberOf(id: string): string {
  if (/^\d{1,15}$/.test(id)) return id;
  throw new TicketError('not-found', 'an issue of Redmine has a number');
}
