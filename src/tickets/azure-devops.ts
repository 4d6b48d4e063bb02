import {
  AZURE_DEVOPS,
  type AzureDevOpsOptions,
  createAzureDevOpsClient,
  type Operation,
  VERSION,
} from './azure-devops-client.ts';
import { closedAs, hasTag, isClosedState, isInProject, PRIORITY, tagsOf, tagsWith } from './azure-devops-rules.ts';
import { Connection, FIELDS, FoundIds, type State, type WorkItem, WorkItems } from './azure-devops-schema.ts';
import { readAnswer, readBack } from './http.ts';
import { createAddress } from './http-address.ts';
import { renderHtml } from './text/html.ts';
import { cut, titleLine } from './text/plain.ts';
import { type RemoteTicket, type TicketDraft, TicketError, type TrackingSystem } from './ticket-system.ts';

const SETTLE_MS = 30_000;
const MAX_TITLE = 255;
/** Who a request without a valid token is, where an organization lets everybody read. */
const ANONYMOUS = 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa';

/** Work items of one project of Azure DevOps Services (facts: tickets §6.1). The key is a tag. */
export function createAzureDevOpsSystem(options: AzureDevOpsOptions): TrackingSystem {
  const { organization, project, workItemType, areaPath, baseUrl = AZURE_DEVOPS } = options;
  const client = createAzureDevOpsClient(options);

  /** A person may change the type of an item, and each type has states of its own. */
  async function statesOf({ fields }: WorkItem, signal: AbortSignal): Promise<readonly State[]> {
    return await client.readStates(fields['System.WorkItemType'] ?? workItemType, signal);
  }

  async function isClosed(item: WorkItem, signal: AbortSignal): Promise<boolean> {
    const state = item.fields['System.State'];
    const known = isClosedState(state, await statesOf(item, signal));
    if (known !== undefined) return known;
    throw new TicketError(
      'unavailable',
      `Azure DevOps does not say of what category the state "${cut(state, 100)}" is`,
    );
  }

  async function toRemoteTicket(item: WorkItem, signal: AbortSignal): Promise<RemoteTicket> {
    const isDone = await isClosed(item, signal);
    return {
      id: String(item.id),
      url: createAddress(baseUrl, [organization, project, '_workitems', 'edit', String(item.id)]).href,
      state: isDone ? 'closed' : 'open',
      ...(isDone && { closedAs: closedAs(item, await statesOf(item, signal)) }),
      updatedAt: item.fields['System.ChangedDate'],
    };
  }

  async function move(
    id: string,
    to: 'closed' | 'open',
    text: string,
    reason: string | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const build = async (item: WorkItem): Promise<readonly Operation[] | undefined> => {
      if ((await isClosed(item, signal)) === (to === 'closed')) return undefined;
      return [
        field('System.State', chooseState(await statesOf(item, signal), to)),
        ...(reason === undefined ? [] : [field('System.Reason', reason)]),
        field('System.History', renderHtml([{ kind: 'text', text }])),
      ];
    };
    const changed = await client.change(id, build, signal);
    const isDone = await readBack(async () => await isClosed(changed, signal));
    if (isDone !== (to === 'closed'))
      throw new TicketError('invalid', `Azure DevOps accepted the change of work item ${id}, and it is not ${to}`);
  }

  return {
    kind: 'tracking',
    id: 'azure-devops',
    place: `azure-devops:${options.organization}/${options.project}`.toLowerCase(),
    settleMs: SETTLE_MS,
    async probe(signal) {
      const segments = ['_apis', 'connectionData'];
      const query = { 'api-version': '7.1-preview.1' };
      const answer = await client.call({ method: 'GET', effect: 'read', segments, query }, signal);
      const { authenticatedUser } = readAnswer(Connection, answer, 'read');
      if (authenticatedUser.id.toLowerCase() === ANONYMOUS || authenticatedUser.providerDisplayName === 'Anonymous')
        throw new TicketError('auth', `Azure DevOps does not know the identity in the organization ${organization}`);
      const states = await client.readStates(workItemType, signal);
      chooseState(states, 'closed');
      chooseState(states, 'open');
    },
    async findByKey(key, since, signal) {
      const body = {
        // Newest first: when a key has had more tickets than fit, those that matter now are the last ones.
        query: `SELECT [System.Id] FROM WorkItems WHERE [System.TeamProject] = @project AND [System.Tags] CONTAINS '${key.replaceAll("'", "''")}' ORDER BY [System.Id] DESC`,
      };
      const search = { ...VERSION, $top: '5' };
      const segments = [project, '_apis', 'wit'];
      const found = await client.call(
        { method: 'POST', effect: 'read', segments: [...segments, 'wiql'], query: search, body },
        signal,
      );
      const ids = readAnswer(FoundIds, found, 'read').workItems.map(({ id }) => id);
      if (ids.length === 0) return [];
      const query = { ids: ids.slice(0, 5).join(','), fields: FIELDS, errorPolicy: 'omit', ...VERSION };
      const answer = await client.call(
        { method: 'GET', effect: 'read', segments: [...segments, 'workitems'], query },
        signal,
      );
      const items = readAnswer(WorkItems, answer, 'read').value.filter((item) => item !== null);
      const tickets: RemoteTicket[] = [];
      for (const item of items.toSorted((a, b) => a.id - b.id)) {
        if (!hasTag(item, key) || !isInProject(item, project)) continue;
        const ticket = await toRemoteTicket(item, signal);
        if (ticket.state === 'open' || ticket.updatedAt >= since) tickets.push(ticket);
      }
      return tickets;
    },
    async create(draft, key, signal) {
      const operations = [
        ...content(draft),
        field('System.Tags', tagsWith([], key)),
        ...(areaPath === undefined ? [] : [field('System.AreaPath', areaPath)]),
      ];
      const item = await client.create(operations, signal);
      if (hasTag(item, key)) return await readBack(async () => await toRemoteTicket(item, signal));
      throw new TicketError(
        'invalid',
        `Azure DevOps made work item ${item.id} without the tag ${key}: may this identity create tags? Mend that, and delete ${item.id}`,
      );
    },
    async get(id, signal) {
      const item = await client.findItem(id, signal);
      return item === undefined ? undefined : await toRemoteTicket(item, signal);
    },
    async update(id, draft, key, signal) {
      const build = async (item: WorkItem): Promise<readonly Operation[]> => [
        ...content(draft),
        ...(hasTag(item, key) ? [] : [field('System.Tags', tagsWith(tagsOf(item), key))]),
      ];
      const changed = await client.change(id, build, signal);
      if (changed.fields['System.Title'] !== titleLine(draft.title, MAX_TITLE) || !hasTag(changed, key))
        throw new TicketError('invalid', `Azure DevOps accepted the change of work item ${id}, and did not make it`);
    },
    async comment(id, text, signal) {
      await client.add(id, [field('System.History', renderHtml([{ kind: 'text', text }]))], signal);
    },
    async close(id, reason, text, signal) {
      if (reason !== 'duplicate') {
        await move(id, 'closed', text, undefined, signal);
        return;
      }
      try {
        await move(id, 'closed', text, 'Duplicate', signal);
      } catch (error) {
        if (!(error instanceof TicketError) || error.kind !== 'invalid') throw error;
        // Few processes have this reason, and none says so beforehand; it was refused, so nothing has been done.
        await move(id, 'closed', text, undefined, signal);
      }
    },
    async reopen(id, text, signal) {
      await move(id, 'open', text, undefined, signal);
    },
  };
}

function content(draft: TicketDraft): readonly Operation[] {
  return [
    field('System.Title', titleLine(draft.title, MAX_TITLE)),
    field('System.Description', renderHtml(draft.body)),
    field('Microsoft.VSTS.Common.Priority', PRIORITY[draft.severity]),
  ];
}

function field(name: string, value: string | number): Operation {
  return { op: 'add', path: `/fields/${name}`, value };
}

function chooseState(states: readonly State[], to: 'closed' | 'open'): string {
  const categories = to === 'closed' ? ['Completed'] : ['Proposed', 'InProgress'];
  for (const category of categories) {
    const state = states.find((candidate) => candidate.category === category);
    if (state !== undefined) return state.name;
  }
  throw new TicketError('invalid', `the type of the work item has no state of category ${categories.join(' or ')}`);
}
