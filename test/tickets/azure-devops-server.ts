import type { CertificateFiles } from '../support/global-setup.ts';
import { startScriptedServer } from './scripted-server.ts';
import type { RigClock, SeenRequest, ServerAnswer, StoredTicket, TicketServer } from './ticket-rig.ts';

/** An Azure DevOps in memory, as documented (facts: tickets §6.1): one organization, two projects, the Agile process for tasks. */
export interface AzureDevOpsServer extends TicketServer {
  readonly token: string;
  readonly organization: string;
  readonly project: string;
  /** Reasons that the process allows for a closed task. */
  closedReasons: readonly string[];
  /** May the identity create tags? If not, tags that nobody used before are dropped. */
  mayCreateTags: boolean;
  /** Rules of the process that undo a change of state, as an extension of the organization can. */
  revertsStates: boolean;
  /** An organization that lets everybody read does not refuse a wrong token. */
  isPublic: boolean;
  item(id: string): StoredItem;
}

interface StoredItem {
  readonly id: number;
  rev: number;
  readonly fields: Map<string, string | number>;
  readonly comments: string[];
}

interface Operation {
  readonly op: string;
  readonly path: string;
  readonly value: unknown;
}

const TOKEN = 'azure-devops-canary.eyJhbGciOiJub25lIn0.c2lnbmF0dXJl';
const ORGANIZATION = 'contoso';
const PROJECTS = ['secops', 'elsewhere'];
const STATES = [
  { name: 'New', color: 'b2b2b2', category: 'Proposed' },
  { name: 'Active', color: '007acc', category: 'InProgress' },
  { name: 'Closed', color: '339933', category: 'Completed' },
  { name: 'Removed', color: 'ffffff', category: 'Removed' },
];
const DEFAULT_REASONS: Readonly<Record<string, string>> = {
  New: 'New',
  Active: 'Work started',
  Closed: 'Completed',
  Removed: 'Removed from the backlog',
};
const WRITABLE = new Set([
  'System.Title',
  'System.Description',
  'System.Tags',
  'System.History',
  'System.State',
  'System.Reason',
  'System.AreaPath',
  'Microsoft.VSTS.Common.Priority',
]);
const READABLE = new Set([
  ...WRITABLE,
  'System.Id',
  'System.TeamProject',
  'System.WorkItemType',
  'System.ChangedDate',
  'System.ChangedBy',
  'System.CreatedDate',
]);
const SIGN_IN: ServerAnswer = {
  status: 203,
  body: '<!DOCTYPE html><html><head><title>Azure DevOps Services | Sign In</title></head></html>',
};
const BOT = 'dockwarden';

function failure(status: number, typeKey: string, message: string): ServerAnswer {
  return { status, body: { $id: '1', innerException: null, message, typeKey, errorCode: 0, eventId: 3200 } };
}

export async function startAzureDevOpsServer(options: {
  readonly clock: RigClock;
  readonly certificates?: CertificateFiles;
}): Promise<AzureDevOpsServer> {
  const { clock } = options;
  const items: StoredItem[] = [];
  const state = {
    closedReasons: ['Completed', 'Cut', 'Deferred', 'Obsolete'] as readonly string[],
    mayCreateTags: true,
    revertsStates: false,
    isPublic: false,
  };
  let lastId = 130;

  function show(item: StoredItem, fields?: readonly string[]): object {
    const wanted = [...item.fields]
      .filter(([name]) => fields === undefined || fields.includes(name))
      .map(([name, value]) => [name, name === 'System.ChangedBy' ? { displayName: value, uniqueName: value } : value]);
    return {
      id: item.id,
      rev: item.rev,
      fields: Object.fromEntries(wanted),
      url: `${scripted.url}/${ORGANIZATION}/_apis/wit/workItems/${item.id}`,
    };
  }

  /** Carries out a JSON Patch on a copy; a refusal leaves the item as it was. */
  function patch(item: StoredItem, operations: readonly Operation[], by: string): ServerAnswer {
    const changes = new Map<string, string | number>();
    for (const { op, path, value } of operations) {
      if (op === 'test' && path === '/rev') {
        if (value !== item.rev)
          return failure(
            412,
            'WorkItemRevisionMismatchException',
            'TF26071: This work item has been changed by someone else since you opened it.',
          );
        continue;
      }
      const name = /^\/fields\/([\w.]+)$/.exec(path)?.[1] ?? '';
      if (op !== 'add' || !WRITABLE.has(name) || (typeof value !== 'string' && typeof value !== 'number'))
        return failure(
          400,
          'WorkItemFieldInvalidException',
          `TF51535: Cannot find field ${name}, or it cannot be set.`,
        );
      changes.set(name, value);
    }
    const problem = findProblem(item, changes);
    if (problem !== undefined) return failure(400, 'RuleValidationException', problem);
    apply(item, changes, by);
    return { status: 200, body: show(item) };
  }

  function findProblem(item: StoredItem, changes: ReadonlyMap<string, string | number>): string | undefined {
    const value = (name: string): string | number | undefined => changes.get(name) ?? item.fields.get(name);
    const title = String(value('System.Title') ?? '');
    if (title.trim() === '') return 'TF401320: Rule Error for field Title. Error code: Required, InvalidEmpty.';
    if (title.length > 255 || /[\r\n]/.test(title))
      return 'TF401320: Rule Error for field Title. Error code: InvalidTooLong.';
    const priority = value('Microsoft.VSTS.Common.Priority') ?? 2;
    if (![1, 2, 3, 4].includes(Number(priority)))
      return 'TF401320: Rule Error for field Priority. Error code: InvalidListValue.';
    if (tagsIn(value('System.Tags')).length > 100) return 'TF401320: Rule Error for field Tags. Error code: TooMany.';
    const next = value('System.State');
    if (!STATES.some(({ name }) => name === next))
      return 'TF401320: Rule Error for field State. Error code: InvalidListValue.';
    const reason = changes.get('System.Reason');
    if (reason !== undefined && next === 'Closed' && !state.closedReasons.includes(String(reason)))
      return 'TF401320: Rule Error for field Reason. Error code: HasValues, LimitedToValues, InvalidListValue.';
    return undefined;
  }

  function apply(item: StoredItem, changes: ReadonlyMap<string, string | number>, by: string): void {
    for (const [name, value] of changes) {
      if (name === 'System.History') item.comments.push(String(value));
      else if (name === 'System.Tags') item.fields.set(name, storeTags(item, String(value)));
      else if (name !== 'System.State') item.fields.set(name, value);
    }
    const next = changes.get('System.State');
    if (next !== undefined && next !== item.fields.get('System.State') && !state.revertsStates) {
      item.fields.set('System.State', next);
      if (!changes.has('System.Reason')) item.fields.set('System.Reason', DEFAULT_REASONS[String(next)] ?? '');
    }
    item.fields.set('System.ChangedDate', clock.now().toISOString());
    item.fields.set('System.ChangedBy', by);
    item.rev += 1;
  }

  function storeTags(item: StoredItem, text: string): string {
    const known = new Set(items.flatMap(({ fields }) => tagsIn(fields.get('System.Tags'))));
    const tags = [...new Set(tagsIn(text))].filter((tag) => state.mayCreateTags || known.has(tag));
    return tags.toSorted((a, b) => a.localeCompare(b)).join('; ') || String(item.fields.get('System.Tags') ?? '');
  }

  function create(project: string, type: string, operations: readonly Operation[]): ServerAnswer {
    if (type !== 'Task')
      return failure(
        404,
        'WorkItemTypeNotFoundException',
        `VS402323: Work item type ${type} does not exist in project ${project}.`,
      );
    const item: StoredItem = {
      id: ++lastId,
      rev: 0,
      fields: new Map([
        ['System.TeamProject', project],
        ['System.WorkItemType', type],
        ['System.State', 'New'],
        ['System.Reason', 'New'],
        ['System.AreaPath', project],
        ['System.CreatedDate', clock.now().toISOString()],
      ]),
      comments: [],
    };
    const answer = patch(item, operations, BOT);
    if (answer.status === 200) items.push(item);
    return answer;
  }

  function search(project: string, request: SeenRequest, top: number): ServerAnswer {
    const query = String(Reflect.get(Object(parse(request.body)), 'query') ?? '');
    const [, conditions = '', order = ''] =
      /^SELECT \[System\.Id\] FROM WorkItems WHERE (.+?)(?: ORDER BY \[System\.Id\](?: (DESC|ASC))?)?$/.exec(query) ??
      [];
    const tag = /\[System\.Tags\] CONTAINS '((?:[^']|'')*)'/.exec(conditions)?.[1]?.replaceAll("''", "'");
    if (tag === undefined) return failure(400, 'SyntaxException', 'TF51006: The query statement is missing a clause.');
    const isBound = conditions.includes('[System.TeamProject] = @project');
    const found = items.filter(({ fields }) => {
      if (isBound && fields.get('System.TeamProject') !== project) return false;
      return tagsIn(fields.get('System.Tags')).some((own) => own.toLowerCase().includes(tag.toLowerCase()));
    });
    const sorted = order === 'DESC' ? found.toReversed() : found;
    const workItems = sorted
      .slice(0, top)
      .map(({ id }) => ({ id, url: `${scripted.url}/${ORGANIZATION}/_apis/wit/workItems/${id}` }));
    return {
      status: 200,
      body: { queryType: 'flat', queryResultType: 'workItem', asOf: clock.now().toISOString(), workItems },
    };
  }

  function handle(request: SeenRequest): ServerAnswer {
    const { pathname, searchParams } = new URL(request.path, 'https://dev.azure.com');
    const { method } = request;
    const isKnown = request.headers['authorization'] === `Bearer ${TOKEN}`;
    if (!isKnown && !(state.isPublic && method === 'GET')) {
      if (method === 'PATCH')
        return failure(
          401,
          'UnauthorizedRequestException',
          "TF400813: The user '' is not authorized to access this resource.",
        );
      return SIGN_IN;
    }
    const [organization, ...rest] = pathname.slice(1).split('/').map(decodeURIComponent);
    if (organization !== ORGANIZATION) return { status: 404, body: '<html>The resource cannot be found.</html>' };
    const version = searchParams.get('api-version');
    if (rest.join('/') === '_apis/connectionData') {
      if (version !== '7.1-preview.1')
        return failure(400, 'VssInvalidPreviewVersionException', 'The requested version is under preview.');
      const id = isKnown ? 'c0ffee00-0000-4000-8000-000000000001' : 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa';
      return { status: 200, body: { authenticatedUser: { id, providerDisplayName: isKnown ? BOT : 'Anonymous' } } };
    }
    if (version !== '7.1') return failure(400, 'VssVersionNotSpecifiedException', 'No api-version was supplied.');
    const [project = '', area, kind, ...names] = rest;
    if (!PROJECTS.includes(project))
      return failure(
        404,
        'ProjectDoesNotExistWithNameException',
        `TF200016: The following project does not exist: ${project}.`,
      );
    if (area !== '_apis' || kind !== 'wit') return { status: 404, body: '<html>The resource cannot be found.</html>' };
    return handleWorkItems(project, names, request, searchParams);
  }

  function handleWorkItems(
    project: string,
    names: readonly string[],
    request: SeenRequest,
    query: URLSearchParams,
  ): ServerAnswer {
    const { method } = request;
    const [collection, name = '', last] = names;
    const contentType = request.headers['content-type'] ?? '';
    if (collection === 'workitemtypes' && last === 'states') {
      if (name !== 'Task')
        return failure(
          404,
          'WorkItemTypeNotFoundException',
          `VS402323: Work item type ${name} does not exist in project ${project}.`,
        );
      return { status: 200, body: { count: STATES.length, value: STATES } };
    }
    if (collection === 'wiql' && method === 'POST') {
      if (!contentType.startsWith('application/json'))
        return failure(415, 'VssRequestContentTypeNotSupportedException', 'The content type is not supported.');
      return search(project, request, Number(query.get('$top') ?? 20_000));
    }
    if (collection !== 'workitems') return { status: 404, body: '<html>The resource cannot be found.</html>' };
    const fields = query.get('fields')?.split(',');
    const unknown = fields?.find((wanted) => !READABLE.has(wanted));
    if (unknown !== undefined)
      return failure(400, 'WorkItemTrackingFieldDefinitionNotFoundException', `TF51535: Cannot find field ${unknown}.`);
    if (method === 'GET' && name === '') {
      const found = (query.get('ids') ?? '')
        .split(',')
        .map((id) => items.find((item) => String(item.id) === id && item.fields.get('System.TeamProject') === project));
      if (found.includes(undefined) && query.get('errorPolicy') !== 'omit') return missing(name);
      return {
        status: 200,
        body: { count: found.length, value: found.map((item) => (item === undefined ? null : show(item, fields))) },
      };
    }
    const item = items.find(({ id, fields: own }) => String(id) === name && own.get('System.TeamProject') === project);
    if (method === 'GET') return item === undefined ? missing(name) : { status: 200, body: show(item, fields) };

    if (!contentType.startsWith('application/json-patch+json'))
      return failure(415, 'VssRequestContentTypeNotSupportedException', 'The content type is not supported.');
    const operations = parse(request.body);
    if (!Array.isArray(operations) || operations.length === 0)
      return failure(
        400,
        'VssPropertyValidationException',
        'You must pass a valid patch document in the body of the request.',
      );
    if (method === 'POST' && name.startsWith('$')) return create(project, name.slice(1), operations.map(toOperation));
    if (method === 'PATCH') return item === undefined ? missing(name) : patch(item, operations.map(toOperation), BOT);
    return failure(405, 'VssMethodNotAllowedException', 'The method is not allowed.');
  }

  const scripted = await startScriptedServer(handle, options.certificates);
  const find = (id: string): StoredItem => {
    const item = items.find((candidate) => String(candidate.id) === id);
    if (item === undefined) throw new Error(`there is no work item ${id}`);
    return item;
  };
  return Object.assign(state, {
    ...scripted,
    token: TOKEN,
    organization: ORGANIZATION,
    project: 'secops',
    item: find,
    tickets: () =>
      items.map(
        ({ id, fields, comments }): StoredTicket => ({
          id: String(id),
          title: String(fields.get('System.Title') ?? ''),
          body: String(fields.get('System.Description') ?? ''),
          state: ['Closed', 'Removed'].includes(String(fields.get('System.State'))) ? 'closed' : 'open',
          labels: tagsIn(fields.get('System.Tags')),
          comments,
        }),
      ),
    closeByHand(id: string, as: 'fixed' | 'wont-fix' | 'duplicate') {
      const item = find(id);
      apply(item, new Map([['System.State', as === 'wont-fix' ? 'Removed' : 'Closed']]), 'A Person');
      if (as === 'duplicate') item.fields.set('System.Reason', 'Duplicate');
    },
    delete(id: string) {
      items.splice(items.indexOf(find(id)), 1);
    },
    plant({ title, key, elsewhere }: Parameters<TicketServer['plant']>[0]) {
      const tags = key === undefined ? [] : [{ op: 'add', path: '/fields/System.Tags', value: `urgent; ${key}` }];
      create(elsewhere === true ? 'elsewhere' : 'secops', 'Task', [
        { op: 'add', path: '/fields/System.Title', value: title },
        ...tags,
      ]);
      return String(lastId);
    },
  });
}

function missing(id: string): ServerAnswer {
  return failure(
    404,
    'WorkItemUnauthorizedAccessException',
    `TF401232: Work item ${id} does not exist, or you do not have permissions to read it.`,
  );
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

function toOperation(value: unknown): Operation {
  const member = (name: string): unknown => Reflect.get(Object(value), name);
  return { op: String(member('op')), path: String(member('path')), value: member('value') };
}

function tagsIn(value: string | number | undefined): readonly string[] {
  return String(value ?? '')
    .split(';')
    .map((tag) => tag.trim())
    .filter((tag) => tag !== '');
}
