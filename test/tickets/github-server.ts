import * as z from 'zod';
import type { CertificateFiles } from '../support/global-setup.ts';
import { readGitHubDescription } from './github-openapi.ts';
import { startScriptedServer } from './scripted-server.ts';
import type { RigClock, SeenRequest, ServerAnswer, StoredTicket, TicketServer } from './ticket-rig.ts';

export interface GitHubServer extends TicketServer {
  /** Permission to set labels: without it they are dropped, and nobody is told. */
  canLabel: boolean;
  readonly repository: { name: string; private: boolean; has_issues: boolean; archived: boolean };
  /** What a person does: labels, pull requests, locking, moving to another repository. */
  setLabels(id: string, labels: readonly string[]): void;
  setBody(id: string, body: string): void;
  plantPullRequest(key: string): string;
  lock(id: string): void;
  transfer(id: string): void;
}

/** As the method of a fault: a change of an issue or a comment, whichever comes. */
export const CHANGES = 'PATCH or POST';

interface Issue {
  readonly number: number;
  title: string;
  body: string;
  state: 'open' | 'closed';
  stateReason: string | null;
  labels: readonly string[];
  readonly comments: string[];
  readonly createdAt: Date;
  updatedAt: Date;
  closedAt: Date | null;
  readonly isPullRequest: boolean;
  isLocked: boolean;
  isDeleted: boolean;
  isElsewhere: boolean;
}

/** Bodies exactly as our adapter is meant to send them, whatever GitHub would take besides. */
const key = z.string().regex(/^[a-z\d-]{1,50}$/);
const title = z
  .string()
  .regex(/^\S(?:[^\n\r]*\S)?$/)
  .max(256);
const body = z.string().max(65_536);
const bodies: readonly { readonly method: string; readonly path: RegExp; readonly schema: z.ZodType }[] = [
  {
    method: 'POST',
    path: /\/issues$/,
    schema: z.strictObject({ title, body, labels: z.tuple([z.literal('dockwarden'), key]) }),
  },
  { method: 'POST', path: /\/comments$/, schema: z.strictObject({ body: body.min(1) }) },
  {
    method: 'PATCH',
    path: /\/issues\/\d+$/,
    schema: z.union([
      z.strictObject({ title, body, labels: z.exactOptional(z.array(z.string().min(1)).min(2).max(100)) }),
      z.strictObject({ state: z.literal('closed'), state_reason: z.enum(['completed', 'not_planned', 'duplicate']) }),
      z.strictObject({ state: z.literal('open'), state_reason: z.literal('reopened') }),
    ]),
  },
];
const Headers = z.object({
  accept: z.literal('application/vnd.github+json'),
  'x-github-api-version': z.literal('2022-11-28'),
  'user-agent': z.string().min(1),
});
const Query = z.strictObject({
  state: z.literal('all'),
  per_page: z.literal(['100', '25']),
  labels: z.exactOptional(key),
  sort: z.exactOptional(z.literal('created')),
  direction: z.exactOptional(z.literal('desc')),
  page: z.exactOptional(z.string().regex(/^[1-9]$/)),
});
const Patch = z.object({
  title: z.string().optional(),
  body: z.string().optional(),
  state: z.enum(['open', 'closed']).optional(),
  state_reason: z.string().optional(),
  labels: z.array(z.string()).optional(),
});

/**
 * The issues of one repository, in memory, with GitHub's traps. Every request must be as the published description has it (where that is
 * there) and as our own, narrower schemas have it; `stop` fails when one was not.
 */
export async function startGitHubServer({
  clock,
  token,
  certificates,
}: {
  readonly clock: RigClock;
  readonly token: string;
  readonly certificates: CertificateFiles;
}): Promise<GitHubServer> {
  const description = readGitHubDescription();
  const repository = { name: 'octo/findings', private: true, has_issues: true, archived: false };
  const issues: Issue[] = [];
  const violations: string[] = [];

  function handle(request: SeenRequest): ServerAnswer {
    const url = new URL(request.path, server.url);
    const sent: unknown = request.body === '' ? undefined : JSON.parse(request.body);
    if (request.headers['user-agent'] === undefined)
      return { status: 403, body: { message: 'Request forbidden by administrative rules.' } };
    if (request.headers['authorization'] !== `Bearer ${token}`)
      return { status: 401, body: { message: 'Bad credentials' } };
    violations.push(
      ...findViolations(request, url, sent).map((problem) => `${request.method} ${url.pathname}: ${problem}`),
    );
    const answer = respond(request.method, url, sent);
    const problems = description?.checkAnswer(request.method, url.pathname, answer.status, answer.body) ?? [];
    violations.push(...problems.map((problem) => `our own answer ${answer.status} to ${url.pathname}: ${problem}`));
    return answer;
  }

  function findViolations({ method, headers }: SeenRequest, url: URL, sent: unknown): readonly string[] {
    const problems = [...(description?.checkRequest(method, url.pathname, url.searchParams, sent) ?? [])];
    const schemas: [string, z.ZodType, unknown][] = [['headers', Headers, headers]];
    if (url.search !== '') schemas.push(['query', Query, Object.fromEntries(url.searchParams)]);
    if (method !== 'GET') {
      const known = bodies.find((entry) => entry.method === method && entry.path.test(url.pathname));
      schemas.push(['body', known?.schema ?? z.never(), sent]);
    }
    for (const [name, schema, value] of schemas) {
      const parsed = schema.safeParse(value);
      if (!parsed.success) problems.push(`${name}: ${z.prettifyError(parsed.error)}`);
    }
    return problems;
  }

  function respond(method: string, url: URL, sent: unknown): ServerAnswer {
    const [, owner, name, , number, comments] =
      /^\/repos\/([^/]+)\/([^/]+)(\/issues(?:\/(\d+)(\/comments)?)?)?$/.exec(url.pathname) ?? [];
    if (`${owner}/${name}`.toLowerCase() !== repository.name.toLowerCase()) return notFound;
    if (!url.pathname.includes('/issues')) return { status: 200, body: describeRepository() };
    if (!repository.has_issues)
      return { status: 410, body: { message: 'Issues has been disabled in this repository.' } };
    if (number === undefined) return method === 'GET' ? list(url.searchParams) : create(sent);
    const issue = issues.find((candidate) => candidate.number === Number(number));
    if (issue === undefined) return notFound;
    if (issue.isElsewhere) {
      const location = `${server.url}/repositories/4711/issues/${issue.number}`;
      return { status: 301, headers: { location }, body: { message: 'Moved Permanently', url: location } };
    }
    if (issue.isDeleted) return { status: 410, body: { message: 'This issue was deleted' } };
    if (method === 'GET') return { status: 200, body: describe(issue) };
    return comments === undefined ? change(issue, sent) : comment(issue, sent);
  }

  function list(query: URLSearchParams): ServerAnswer {
    const labels = (query.get('labels') ?? '').split(',').filter((label) => label !== '');
    const since = Date.parse(query.get('since') ?? '1970-01-01T00:00:00Z');
    const state = query.get('state') ?? 'open';
    const size = Math.min(100, Number(query.get('per_page') ?? 30));
    const page = Number(query.get('page') ?? 1);
    const found = issues
      .filter((issue) => !issue.isDeleted && !issue.isElsewhere && (state === 'all' || issue.state === state))
      .filter((issue) => issue.updatedAt.getTime() >= since && labels.every((label) => issue.labels.includes(label)))
      .toSorted((a, b) => b.number - a.number);
    if (query.get('direction') === 'asc') found.reverse();
    return { status: 200, body: found.slice((page - 1) * size, page * size).map(describe) };
  }

  function create(sent: unknown): ServerAnswer {
    const { title: name = '', body: text = '', labels = [] } = Patch.parse(sent);
    if (name === '') return invalid('title', 'missing_field');
    const issue = add({ title: name, body: text, labels: server.canLabel ? labels : [] });
    return { status: 201, body: describe(issue) };
  }

  function change(issue: Issue, sent: unknown): ServerAnswer {
    const patch = Patch.parse(sent);
    if (repository.archived) return { status: 403, body: { message: 'Repository was archived so is read-only.' } };
    Object.assign(issue, {
      title: patch.title ?? issue.title,
      body: patch.body ?? issue.body,
      labels: server.canLabel ? (patch.labels ?? issue.labels) : issue.labels,
      updatedAt: clock.now(),
    });
    // The reason alone changes nothing.
    if (patch.state !== undefined && patch.state !== issue.state)
      setState(issue, patch.state, patch.state_reason ?? 'completed');
    return { status: 200, body: describe(issue) };
  }

  function setState(issue: Issue, state: 'open' | 'closed', reason: string): void {
    Object.assign(issue, {
      state,
      stateReason: reason,
      updatedAt: clock.now(),
      closedAt: state === 'closed' ? clock.now() : null,
    });
  }

  function comment(issue: Issue, sent: unknown): ServerAnswer {
    if (issue.isLocked) return { status: 403, body: { message: 'Unable to create comment because issue is locked.' } };
    const text = Patch.parse(sent).body ?? '';
    if (text === '') return invalid('body', 'missing_field');
    issue.comments.push(text);
    issue.updatedAt = clock.now();
    const id = 9000 + issue.comments.length;
    const time = clock.now().toISOString();
    const page = `${htmlUrl(issue)}#issuecomment-${id}`;
    return {
      status: 201,
      body: {
        id,
        node_id: `IC_${id}`,
        html_url: page,
        issue_url: apiUrl(issue),
        url: `${server.url}/repos/${repository.name}/issues/comments/${id}`,
        user: null,
        created_at: time,
        updated_at: time,
        author_association: 'MEMBER',
        body: text,
      },
    };
  }

  function add(issue: Partial<Issue> & Pick<Issue, 'title'>): Issue {
    const added: Issue = {
      number: issues.length + 1,
      body: '',
      state: 'open',
      stateReason: null,
      labels: [],
      comments: [],
      createdAt: clock.now(),
      updatedAt: clock.now(),
      closedAt: null,
      isPullRequest: false,
      isLocked: false,
      isDeleted: false,
      isElsewhere: false,
      ...issue,
    };
    issues.push(added);
    return added;
  }

  function find(id: string): Issue {
    const issue = issues.find(({ number }) => String(number) === id);
    if (issue === undefined) throw new Error(`there is no issue ${id}`);
    return issue;
  }

  const apiUrl = ({ number }: Issue) => `${server.url}/repos/${repository.name}/issues/${number}`;
  const htmlUrl = ({ number, isPullRequest }: Issue) =>
    `${server.url}/${repository.name}/${isPullRequest ? 'pull' : 'issues'}/${number}`;

  function describe(issue: Issue): Record<string, unknown> {
    const url = apiUrl(issue);
    const page = htmlUrl(issue);
    return {
      id: 1_000_000 + issue.number,
      node_id: `I_${issue.number}`,
      url,
      repository_url: `${server.url}/repos/${repository.name}`,
      labels_url: `${url}/labels{/name}`,
      comments_url: `${url}/comments`,
      events_url: `${url}/events`,
      html_url: page,
      number: issue.number,
      state: issue.state,
      state_reason: issue.stateReason,
      title: issue.title,
      body: issue.body,
      user: null,
      labels: issue.labels.map((label, index) => ({
        id: index + 1,
        node_id: `L_${index}`,
        name: label,
        color: 'ededed',
        default: false,
      })),
      assignee: null,
      assignees: [],
      milestone: null,
      locked: issue.isLocked,
      comments: issue.comments.length,
      ...(issue.isPullRequest && {
        pull_request: { url, html_url: page, diff_url: `${page}.diff`, patch_url: `${page}.patch` },
      }),
      closed_at: issue.closedAt?.toISOString() ?? null,
      created_at: issue.createdAt.toISOString(),
      updated_at: issue.updatedAt.toISOString(),
      author_association: 'MEMBER',
    };
  }

  function describeRepository(): Record<string, unknown> {
    const { name, ...flags } = repository;
    return {
      id: 4711,
      name: name.split('/')[1],
      full_name: name,
      visibility: flags.private ? 'private' : 'public',
      ...flags,
    };
  }

  const scripted = await startScriptedServer(handle, certificates);
  const server: GitHubServer = {
    ...scripted,
    fault({ method, ...fault }) {
      if (method === undefined) scripted.fault(fault);
      for (const one of method?.split(' or ') ?? []) scripted.fault({ ...fault, method: one });
    },
    canLabel: true,
    repository,
    tickets: () =>
      issues
        .filter(({ isDeleted, isElsewhere, isPullRequest }) => !isDeleted && !isElsewhere && !isPullRequest)
        .map(
          (issue): StoredTicket => ({
            ...issue,
            id: String(issue.number),
            labels: issue.labels,
            comments: [...issue.comments],
          }),
        ),
    closeByHand(id, as) {
      setState(find(id), 'closed', { fixed: 'completed', 'wont-fix': 'not_planned', duplicate: 'duplicate' }[as]);
    },
    delete(id) {
      find(id).isDeleted = true;
    },
    plant({ title: name, key: label, elsewhere = false }) {
      return String(add({ title: name, labels: label === undefined ? [] : [label], isElsewhere: elsewhere }).number);
    },
    setLabels(id, labels) {
      find(id).labels = labels;
    },
    setBody(id, text) {
      find(id).body = text;
    },
    plantPullRequest: (label) => String(add({ title: 'a change', labels: [label], isPullRequest: true }).number),
    lock(id) {
      find(id).isLocked = true;
    },
    transfer(id) {
      find(id).isElsewhere = true;
    },
    async stop() {
      await scripted.stop();
      if (violations.length > 0) throw new Error(`GitHub would not have understood:\n${violations.join('\n')}`);
    },
  };
  return server;
}

const notFound: ServerAnswer = {
  status: 404,
  body: { message: 'Not Found', documentation_url: 'https://docs.github.com/rest' },
};

function invalid(field: string, code: string): ServerAnswer {
  return {
    status: 422,
    body: {
      message: 'Validation Failed',
      errors: [{ resource: 'Issue', field, code }],
      documentation_url: 'https://docs.github.com/rest',
    },
  };
}
