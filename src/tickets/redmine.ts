import { readAnswer, readBack } from './http.ts';
import { createAddress } from './http-address.ts';
import { createRedmineClient, type RedmineOptions } from './redmine-client.ts';
import { chooseClosed, chooseOpen, closedAs, isClosed, isSameText, keyOf } from './redmine-rules.ts';
import { CurrentUser, type Issue, IssueList, Project } from './redmine-schema.ts';
import { titleLine } from './text/plain.ts';
import { renderTextile } from './text/textile.ts';
import { type RemoteTicket, type TicketDraft, TicketError, type TrackingSystem } from './ticket-system.ts';

const SETTLE_MS = 30_000;
const MAX_SUBJECT = 255;
/** No ticket has it: an issue that is found with it shows that the filter is ignored. */
const NO_KEY = 'dw-no-such-key';

/** Issues of one project of a Redmine, from 4.0 on (facts: tickets §6.5). The key is in a custom field. */
export function createRedmineSystem(options: RedmineOptions): TrackingSystem {
  const { baseUrl, projectId, trackerId, fieldId } = options;
  const client = createRedmineClient(options);

  /** An unknown field is no error for Redmine: it leaves the filter out, and every issue of the project comes back. */
  async function listByKey(key: string, signal: AbortSignal): Promise<readonly Issue[]> {
    const query = {
      project_id: projectId,
      subproject_id: '!*',
      status_id: '*',
      [`cf_${fieldId}`]: key,
      // Newest first: when a key has had more tickets than fit, those that matter now are the last ones.
      sort: 'id:desc',
      limit: '5',
      include: 'relations',
    };
    const { issues } = readAnswer(IssueList, await client.read(['issues.json'], query, signal), 'read');
    // Databases compare without regard to case.
    const isAsked = (issue: Issue): boolean => keyOf(issue, fieldId)?.toLowerCase() === key.toLowerCase();
    if (issues.every(isAsked)) return issues.filter((issue) => keyOf(issue, fieldId) === key);
    throw new TicketError(
      'not-found',
      `Redmine ignores the filter by field ${fieldId}: the field does not exist, is not used as a filter, or is not part of project ${projectId}`,
    );
  }

  async function isIssueClosed(issue: Issue, signal: AbortSignal): Promise<boolean> {
    const known = isClosed(issue, []) ?? isClosed(issue, await client.readStatuses(signal));
    if (known === undefined)
      throw new TicketError('unavailable', `Redmine does not say whether status ${issue.status.id} is closed`);
    return known;
  }

  async function toRemoteTicket(issue: Issue, signal: AbortSignal): Promise<RemoteTicket> {
    const isDone = await isIssueClosed(issue, signal);
    return {
      id: String(issue.id),
      url: createAddress(baseUrl, ['issues', String(issue.id)]).href,
      state: isDone ? 'closed' : 'open',
      ...(isDone && { closedAs: closedAs(issue) }),
      updatedAt: issue.updated_on,
    };
  }

  async function content(draft: TicketDraft, key: string, signal: AbortSignal) {
    const priority = await client.readPriority(draft.severity, signal);
    return {
      subject: titleLine(draft.title, MAX_SUBJECT),
      description: renderTextile(draft.body),
      ...(priority !== undefined && { priority_id: priority }),
      custom_fields: [{ id: fieldId, value: key }],
    };
  }

  /** Brings an issue to a status, with a note; the workflow decides whether that happens, and Redmine says nothing if not. */
  async function move(id: string, isToBeClosed: boolean, isDuplicate: boolean, text: string, signal: AbortSignal) {
    const issue = await client.readIssue(id, 'allowed_statuses', signal);
    if ((await isIssueClosed(issue, signal)) === isToBeClosed) return;
    const allowed = issue.allowed_statuses ?? (await client.readStatuses(signal));
    const status = isToBeClosed ? chooseClosed(allowed, isDuplicate) : chooseOpen(allowed);
    const word = isToBeClosed ? 'closed' : 'open';
    if (status === undefined)
      throw new TicketError('invalid', `the workflow of Redmine lets this user set issue #${id} to no ${word} status`);
    await client.change(id, { status_id: status.id, notes: renderTextile([{ kind: 'text', text }]) }, signal);

    const isDone = await readBack(async () => await isIssueClosed(await client.readIssue(id, '', signal), signal));
    if (isDone !== isToBeClosed)
      throw new TicketError('invalid', `Redmine accepted status ${status.id} for issue #${id}, and did not set it`);
  }

  return {
    kind: 'tracking',
    id: 'redmine',
    place: `redmine:${options.baseUrl}`.toLowerCase(),
    settleMs: SETTLE_MS,
    async probe(signal) {
      // Public projects answer everybody, so the lists alone prove no credential.
      readAnswer(CurrentUser, await client.read(['users', 'current.json'], {}, signal), 'read');
      const answer = await client.read(['projects', `${projectId}.json`], { include: 'trackers' }, signal);
      const { trackers } = readAnswer(Project, answer, 'read').project;
      // An unknown tracker is no error when an issue is made: Redmine takes another one.
      if (trackers?.some(({ id }) => id === trackerId) === false)
        throw new TicketError('not-found', `project ${projectId} of Redmine has no tracker ${trackerId}`);
      const statuses = await client.readStatuses(signal);
      if (chooseClosed(statuses, false) === undefined || chooseOpen(statuses) === undefined)
        throw new TicketError('invalid', 'Redmine has no status that means closed, or none that means open');
      await listByKey(NO_KEY, signal);
    },
    async findByKey(key, since, signal) {
      const project = await client.readProject(signal);
      const issues = (await listByKey(key, signal)).filter((issue) => issue.project.id === project);
      const tickets: RemoteTicket[] = [];
      for (const issue of issues.toSorted((a, b) => a.id - b.id)) {
        const ticket = await toRemoteTicket(issue, signal);
        if (ticket.state === 'open' || (issue.closed_on ?? issue.updated_on) >= since) tickets.push(ticket);
      }
      return tickets;
    },
    async create(draft, key, signal) {
      const made = await client.create(await content(draft, key, signal), signal);
      if (keyOf(made, fieldId) === key) return await readBack(async () => await toRemoteTicket(made, signal));
      throw new TicketError(
        'invalid',
        `Redmine made issue #${made.id} without the key: field ${fieldId} does not exist, or not in this project and tracker. Mend that, and delete #${made.id}`,
      );
    },
    async get(id, signal) {
      const issue = await client.findIssue(id, 'relations', signal);
      return issue === undefined ? undefined : await toRemoteTicket(issue, signal);
    },
    async update(id, draft, key, signal) {
      const wanted = await content(draft, key, signal);
      await client.change(id, wanted, signal);
      // Not the priority: that of an issue with subtasks is theirs, whatever is sent.
      const issue = await readBack(async () => await client.readIssue(id, '', signal));
      const isDone =
        isSameText(issue.subject, wanted.subject) &&
        isSameText(issue.description, wanted.description) &&
        keyOf(issue, fieldId) === key;
      if (!isDone)
        throw new TicketError(
          'invalid',
          `Redmine accepted the change of issue #${id}, and did not make it: may this user edit?`,
        );
    },
    async comment(id, text, signal) {
      const notes = renderTextile([{ kind: 'text', text }]);
      await client.change(id, { notes }, signal);
      const { journals = [] } = await readBack(async () => await client.readIssue(id, 'journals', signal));
      if (!journals.some((journal) => isSameText(journal.notes, notes)))
        throw new TicketError(
          'invalid',
          `Redmine accepted the note on issue #${id}, and did not keep it: may this user add notes?`,
        );
    },
    async close(id, reason, text, signal) {
      await move(id, true, reason === 'duplicate', text, signal);
    },
    async reopen(id, text, signal) {
      await move(id, false, false, text, signal);
    },
  };
}
