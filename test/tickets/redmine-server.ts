import type { CertificateFiles } from '../support/global-setup.ts';
import { startScriptedServer } from './scripted-server.ts';
import type { RigClock, SeenRequest, ServerAnswer, StoredTicket, TicketServer } from './ticket-rig.ts';

/** A Redmine 5.0 in memory, as the real one behaves (facts: tickets §6.5): one user with four permissions, two projects, one field. */
export interface RedmineServer extends TicketServer {
  readonly apiKey: string;
  readonly projectId: string;
  readonly trackerId: number;
  readonly fieldId: number;
  /** What the role of the user may do besides looking and adding; what it may not is ignored without a word. */
  readonly may: { edit: boolean; addNotes: boolean };
  /** Statuses that the workflow lets the user set; what is not among them is ignored without a word. */
  workflow: readonly number[];
  /** Versions before 5.0 say neither what is allowed nor whether an issue's status is closed. */
  isOld: boolean;
  /** The status list, to be changed by an administrator. */
  readonly statuses: { id: number; name: string; is_closed: boolean }[];
  readonly priorities: { id: number; name: string; is_default: boolean; active: boolean }[];
  issue(id: string): StoredIssue;
}

interface Journal {
  readonly id: number;
  readonly user: { readonly id: number; readonly name: string };
  readonly notes: string;
  readonly details: readonly object[];
  readonly created_on: string;
}

interface StoredIssue {
  readonly id: number;
  readonly projectNumber: number;
  readonly trackerId: number;
  statusId: number;
  priorityId: number;
  subject: string;
  description: string | null;
  key: string | null;
  readonly createdOn: string;
  updatedOn: string;
  closedOn: string | null;
  readonly journals: Journal[];
  readonly relations: {
    readonly id: number;
    readonly issue_id: number;
    readonly issue_to_id: number;
    readonly relation_type: string;
  }[];
}

const API_KEY = 'redmine-canary-5f0c1d2e3b4a59687786954433221100';
const FIELD = { id: 1, name: 'Dedupe key' };
const TRACKERS = [
  { id: 1, name: 'Bug' },
  { id: 2, name: 'Feature' },
];
const PROJECTS = [
  { id: 1, identifier: 'secops', name: 'SecOps' },
  { id: 2, identifier: 'elsewhere', name: 'Elsewhere' },
];
const BOT = { id: 5, name: 'Dockwarden Bot' };
const HUMAN = { id: 2, name: 'A Person' };
const NEW = 1;
const CLOSED = 5;
const REJECTED = 6;
const PAGE = { status: 400, body: '<!DOCTYPE html><html><title>400 Bad Request</title></html>' };
const nothing = (status: number): ServerAnswer => ({ status, headers: { 'content-type': 'application/json' } });

export async function startRedmineServer(options: {
  readonly clock: RigClock;
  readonly certificates?: CertificateFiles;
}): Promise<RedmineServer> {
  const { clock } = options;
  const issues: StoredIssue[] = [];
  const statuses = [
    { id: NEW, name: 'New', is_closed: false },
    { id: 2, name: 'In Progress', is_closed: false },
    { id: 3, name: 'Resolved', is_closed: false },
    { id: CLOSED, name: 'Closed', is_closed: true },
    { id: REJECTED, name: 'Rejected', is_closed: true },
  ];
  const priorities = ['Low', 'Normal', 'High', 'Urgent'].map((name, index) => ({
    id: index + 1,
    name,
    is_default: name === 'Normal',
    active: true,
  }));
  const state = {
    may: { edit: true, addNotes: true },
    workflow: [NEW, 2, 3, CLOSED, REJECTED] as readonly number[],
    isOld: false,
  };
  let lastId = 0;
  let lastPart = 0;
  /** Of journals and relations. */
  const nextPart = (): number => ++lastPart;
  /** Redmine keeps whole seconds. */
  const stamp = (): string =>
    clock
      .now()
      .toISOString()
      .replace(/\.\d+Z$/, 'Z');
  const isClosed = (id: number): boolean => statuses.find((status) => status.id === id)?.is_closed === true;
  const statusOf = (id: number): object => {
    const { is_closed, ...status } = statuses.find((candidate) => candidate.id === id) ?? {
      id,
      name: '?',
      is_closed: false,
    };
    return state.isOld ? status : { ...status, is_closed };
  };

  function show(issue: StoredIssue, include: readonly string[]): object {
    const { id, name } = PROJECTS.find((project) => project.id === issue.projectNumber) ?? { id: 0, name: '' };
    return {
      id: issue.id,
      project: { id, name },
      tracker: TRACKERS.find((tracker) => tracker.id === issue.trackerId),
      status: statusOf(issue.statusId),
      priority: priorities
        .filter((priority) => priority.id === issue.priorityId)
        .map((priority) => ({ id: priority.id, name: priority.name }))[0],
      author: BOT,
      subject: issue.subject,
      description: issue.description,
      start_date: issue.createdOn.slice(0, 10),
      due_date: null,
      done_ratio: 0,
      is_private: false,
      estimated_hours: null,
      total_estimated_hours: null,
      custom_fields: [{ ...FIELD, value: issue.key }],
      created_on: issue.createdOn,
      updated_on: issue.updatedOn,
      closed_on: issue.closedOn,
      ...(include.includes('journals') && {
        journals: issue.journals.map((journal) => ({ private_notes: false, ...journal })),
      }),
      ...(include.includes('allowed_statuses') &&
        !state.isOld && {
          allowed_statuses: statuses.filter(
            ({ id: status }) => status === issue.statusId || state.workflow.includes(status),
          ),
        }),
      // Without any, it says nothing about them.
      ...(include.includes('relations') && issue.relations.length > 0 && { relations: issue.relations }),
    };
  }

  function list(query: URLSearchParams): ServerAnswer {
    const project = query.get('project_id');
    if (project !== null && findProject(project) === undefined) return nothing(404);
    const wanted = query.get('status_id') ?? 'o';
    const field = query.get(`cf_${FIELD.id}`);
    const found = issues.filter((issue) => {
      if (project !== null && issue.projectNumber !== findProject(project)?.id) return false;
      if (wanted === 'o' && isClosed(issue.statusId)) return false;
      if (/^\d+$/.test(wanted) && issue.statusId !== Number(wanted)) return false;
      // A filter on any other field is left out, and says nothing.
      return field === null || issue.key === field;
    });
    const sorted = query.get('sort') === 'id:desc' ? found.toReversed() : found;
    const limit = Math.min(Number(query.get('limit') ?? 25), 100);
    const include = includesOf(query);
    const page = sorted.slice(0, limit).map((issue) => show(issue, include));
    return { status: 200, body: { issues: page, total_count: found.length, offset: 0, limit } };
  }

  /** Errors in Redmine's words; empty when it can be stored. */
  function problemsOf(issue: Readonly<Record<string, unknown>>): readonly string[] {
    const { subject, priority_id: priority } = issue;
    return [
      ...('subject' in issue && textOf(subject).trim() === '' ? ['Subject cannot be blank'] : []),
      ...(textOf(subject).length > 255 ? ['Subject is too long (maximum is 255 characters)'] : []),
      ...(priority !== undefined && !priorities.some(({ id }) => id === priority) ? ['Priority cannot be blank'] : []),
      ...((keyIn(issue) ?? '').length > 128 ? [`${FIELD.name} is too long (maximum is 128 characters)`] : []),
    ];
  }

  function create(issue: Readonly<Record<string, unknown>>): ServerAnswer {
    const project = findProject(textOf(issue['project_id']));
    const unplaced = ['Project cannot be blank', 'Tracker cannot be blank', 'Status cannot be blank'];
    const errors = [...problemsOf({ subject: '', ...issue }), ...(project === undefined ? unplaced : [])];
    if (project === undefined || errors.length > 0) return { status: 422, body: { errors } };
    const { tracker_id: tracker, priority_id: priority = 2, subject, description } = issue;
    const stored: StoredIssue = {
      id: ++lastId,
      projectNumber: project.id,
      // An unknown tracker is replaced by the first one.
      trackerId: TRACKERS.find(({ id }) => id === tracker)?.id ?? 1,
      statusId: NEW,
      priorityId: Number(priority),
      subject: textOf(subject),
      description: typeof description === 'string' ? toCrLf(description) : null,
      key: keyIn(issue) ?? null,
      createdOn: stamp(),
      updatedOn: stamp(),
      closedOn: null,
      journals: [],
      relations: [],
    };
    issues.push(stored);
    return { status: 201, body: { issue: show(stored, []) } };
  }

  function change(
    stored: StoredIssue,
    issue: Readonly<Record<string, unknown>>,
    user = BOT,
    force = false,
  ): ServerAnswer {
    const errors = problemsOf(issue);
    if (errors.length > 0) return { status: 422, body: { errors } };
    const details: object[] = [];
    const set = <K extends 'statusId' | 'priorityId' | 'subject' | 'description'>(
      name: K,
      attribute: string,
      value: StoredIssue[K],
    ) => {
      if (stored[name] === value) return;
      details.push({ property: 'attr', name: attribute, old_value: String(stored[name]), new_value: String(value) });
      stored[name] = value;
    };
    const { status_id: status, priority_id: priority, subject, description, notes } = issue;
    if (state.may.edit || force) {
      if (typeof status === 'number' && (state.workflow.includes(status) || force))
        set('statusId', 'status_id', status);
      if (typeof priority === 'number') set('priorityId', 'priority_id', priority);
      if (typeof subject === 'string') set('subject', 'subject', subject);
      if (typeof description === 'string') set('description', 'description', toCrLf(description));
      stored.key = keyIn(issue) ?? stored.key;
      if (isClosed(stored.statusId) && details.some((detail) => Reflect.get(detail, 'name') === 'status_id'))
        stored.closedOn = stamp();
    }
    const kept = (state.may.addNotes || force) && typeof notes === 'string' ? notes : '';
    if (details.length > 0 || kept !== '') {
      stored.updatedOn = stamp();
      stored.journals.push({ id: nextPart(), user, notes: kept, details, created_on: stamp() });
    }
    return { status: 204 };
  }

  function handle(request: SeenRequest): ServerAnswer {
    const { pathname, searchParams } = new URL(request.path, 'http://redmine.test');
    const { method } = request;
    // These two need no credential.
    if (pathname === '/issue_statuses.json')
      return {
        status: 200,
        body: {
          issue_statuses: statuses
            .map(({ id }) => statusOf(id))
            .map((status, index) => ({ ...status, is_closed: statuses[index]?.is_closed })),
        },
      };
    if (pathname === '/enumerations/issue_priorities.json')
      return { status: 200, body: { issue_priorities: priorities } };
    if (request.headers['x-redmine-api-key'] !== API_KEY) return nothing(401);
    if (pathname === '/users/current.json')
      return { status: 200, body: { user: { ...BOT, login: 'dockwarden', api_key: API_KEY } } };
    if (pathname === '/custom_fields.json' || method === 'DELETE') return nothing(403);

    const project = findProject(/^\/projects\/([^/]+)\.json$/.exec(pathname)?.[1] ?? '');
    if (project !== undefined) {
      const trackers = includesOf(searchParams).includes('trackers') ? { trackers: TRACKERS } : {};
      return { status: 200, body: { project: { ...project, ...trackers } } };
    }
    if (pathname === '/issues.json' && method === 'GET') return list(searchParams);
    const stored = issues.find(({ id }) => String(id) === /^\/issues\/(\d+)\.json$/.exec(pathname)?.[1]);
    if (method === 'GET')
      return stored === undefined
        ? nothing(404)
        : { status: 200, body: { issue: show(stored, includesOf(searchParams)) } };

    if (method === 'PUT' && stored === undefined) return nothing(404);
    const issue = readIssue(request);
    if (issue === 'unreadable') return PAGE;
    if (method === 'POST' && pathname === '/issues.json') return create(issue);
    if (method === 'PUT' && stored !== undefined) return change(stored, issue);
    return nothing(404);
  }

  const scripted = await startScriptedServer(handle, options.certificates);
  const find = (id: string): StoredIssue => {
    const issue = issues.find((candidate) => String(candidate.id) === id);
    if (issue === undefined) throw new Error(`there is no issue ${id}`);
    return issue;
  };
  return Object.assign(state, {
    ...scripted,
    apiKey: API_KEY,
    projectId: 'secops',
    trackerId: 1,
    fieldId: FIELD.id,
    statuses,
    priorities,
    issue: find,
    tickets: () =>
      issues.map(
        (issue): StoredTicket => ({
          id: String(issue.id),
          title: issue.subject,
          body: issue.description ?? '',
          state: isClosed(issue.statusId) ? 'closed' : 'open',
          labels: issue.key === null ? [] : [issue.key],
          comments: issue.journals.map(({ notes }) => notes).filter((notes) => notes !== ''),
        }),
      ),
    closeByHand(id: string, as: 'fixed' | 'wont-fix' | 'duplicate') {
      const issue = find(id);
      if (as === 'duplicate') {
        create({ project_id: 'secops', tracker_id: 1, subject: 'the other one' });
        issue.relations.push({ id: nextPart(), issue_id: issue.id, issue_to_id: lastId, relation_type: 'duplicates' });
      }
      change(issue, { status_id: as === 'wont-fix' ? REJECTED : CLOSED, notes: 'by hand' }, HUMAN, true);
    },
    delete(id: string) {
      issues.splice(issues.indexOf(find(id)), 1);
    },
    plant({ title, key, elsewhere }: Parameters<TicketServer['plant']>[0]) {
      create({
        project_id: elsewhere === true ? 'elsewhere' : 'secops',
        subject: title,
        ...(key !== undefined && { custom_fields: [{ id: FIELD.id, value: key }] }),
      });
      return String(lastId);
    },
  });
}

function findProject(text: string) {
  return PROJECTS.find(({ id, identifier }) => identifier === text || String(id) === text);
}

function includesOf(query: URLSearchParams): readonly string[] {
  return (query.get('include') ?? '').split(',');
}

/** What is under `issue`; no body, or one of another content type, is a form without any field. */
function readIssue({ body, headers }: SeenRequest): Readonly<Record<string, unknown>> | 'unreadable' {
  if (body === '' || !(headers['content-type'] ?? '').startsWith('application/json')) return {};
  // Half a character is no text for Ruby.
  if (/\\u[dD][89a-fA-F][0-9a-fA-F]{2}/.test(body)) return 'unreadable';
  try {
    const parsed: unknown = JSON.parse(body);
    const issue: unknown = typeof parsed === 'object' && parsed !== null ? Reflect.get(parsed, 'issue') : undefined;
    return typeof issue === 'object' && issue !== null ? { ...issue } : {};
  } catch {
    return 'unreadable';
  }
}

/** Value for the one field that there is; unknown fields are ignored. */
function keyIn(issue: Readonly<Record<string, unknown>>): string | undefined {
  const fields: readonly unknown[] = Array.isArray(issue['custom_fields']) ? issue['custom_fields'] : [];
  for (const field of fields) {
    if (typeof field !== 'object' || field === null || Reflect.get(field, 'id') !== FIELD.id) continue;
    return String(Reflect.get(field, 'value'));
  }
  return undefined;
}

function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

function toCrLf(text: string): string {
  return text.replaceAll(/\r\n|\r|\n/g, '\r\n');
}
