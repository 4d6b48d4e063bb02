import { parseRetryAfter } from '../outbound/retry-after.ts';
import { refusalOf } from './azure-devops-rules.ts';
import { FIELDS, type State, States, WorkItem } from './azure-devops-schema.ts';
import { createTicketHttp, readAnswer, type TicketAnswer, type TicketHttpOptions, type TicketRequest } from './http.ts';
import { createAddress } from './http-address.ts';
import { createHourlyCache } from './http-cache.ts';
import { TicketError } from './ticket-system.ts';

export interface AzureDevOpsOptions {
  readonly organization: string;
  /** Name of the project. */
  readonly project: string;
  /** Exists in the project's process; `Task` does in all that Microsoft ships. */
  readonly workItemType: string;
  readonly areaPath?: string;
  /** Default: https://dev.azure.com. */
  readonly baseUrl?: string;
  /** Token for the scope `499b84ac-1321-427f-aa17-267ca6975798/.default`. */
  readonly getToken: (signal: AbortSignal) => Promise<string>;
  readonly http?: Pick<TicketHttpOptions, 'fetch' | 'allowLoopbackHttp' | 'timeouts'>;
  readonly now?: () => Date;
  /** Hears when an answer came with the wish to be asked less often: milliseconds. */
  readonly onSlowDown?: (waitMs: number) => void;
}

/** One change of a work item, as JSON Patch. */
export type Operation =
  | { readonly op: 'add'; readonly path: `/fields/${string}`; readonly value: string | number }
  | { readonly op: 'test'; readonly path: '/rev'; readonly value: number };

export interface AzureDevOpsCall extends Pick<TicketRequest, 'method' | 'effect'> {
  /** Below the organization. */
  readonly segments: readonly string[];
  /** Default: the version alone. */
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly contentType?: string;
  /** Default: 200. */
  readonly expect?: readonly number[];
}

/** The requests to one project of Azure DevOps, before anything is made of the answers. Everything rejects with `TicketError`. */
export interface AzureDevOpsClient {
  call(request: AzureDevOpsCall, signal: AbortSignal): Promise<TicketAnswer>;
  /** States of a type of work item, kept for one hour. */
  readStates(type: string, signal: AbortSignal): Promise<readonly State[]>;
  findItem(id: string, signal: AbortSignal): Promise<WorkItem | undefined>;
  create(operations: readonly Operation[], signal: AbortSignal): Promise<WorkItem>;
  /** Changes whatever is there now. */
  add(id: string, operations: readonly Operation[], signal: AbortSignal): Promise<WorkItem>;
  /**
   * Changes an item as it is now: `build` gets it and says what to change, nothing if it is so already. When somebody else was faster it is read
   * again, once. Returns what Azure DevOps then holds.
   */
  change(
    id: string,
    build: (item: WorkItem) => Promise<readonly Operation[] | undefined>,
    signal: AbortSignal,
  ): Promise<WorkItem>;
}

/** Of the API. */
export const VERSION = { 'api-version': '7.1' };
export const AZURE_DEVOPS = 'https://dev.azure.com';

export function createAzureDevOpsClient(options: AzureDevOpsOptions): AzureDevOpsClient {
  const { organization, project, workItemType, baseUrl = AZURE_DEVOPS, getToken, onSlowDown } = options;
  const { now = () => new Date() } = options;
  const http = createTicketHttp({ ...options.http, host: URL.parse(baseUrl)?.host ?? '', now, refusal: refusalOf });
  const stateCache = createHourlyCache<readonly State[]>(now);

  async function call(request: AzureDevOpsCall, signal: AbortSignal): Promise<TicketAnswer> {
    const { segments, query = VERSION, body, contentType = 'application/json', expect = [200], ...rest } = request;
    const url = createAddress(baseUrl, [organization, ...segments], query);
    const headers = {
      accept: 'application/json',
      authorization: `Bearer ${await readToken(signal)}`,
      ...(body !== undefined && { 'content-type': contentType }),
    };
    const json = body === undefined ? {} : { body: JSON.stringify(body) };
    const answer = await http.send({ ...rest, url, headers, expect, ...json }, signal);
    const waitMs = parseRetryAfter(answer.headers.get('retry-after'), now());
    // Served all the same, only later: an answer like any other.
    if (waitMs !== undefined) onSlowDown?.(waitMs);
    return answer;
  }

  async function readToken(signal: AbortSignal): Promise<string> {
    try {
      return await getToken(signal);
    } catch (error) {
      if (error instanceof TicketError) throw error;
      // What an identity says when it fails may quote the whole exchange.
      throw new TicketError('unavailable', 'there is no token for Azure DevOps: the identity gave none');
    }
  }

  async function readStates(type: string, signal: AbortSignal): Promise<readonly State[]> {
    return await stateCache(type.toLowerCase(), async () => {
      const segments = [project, '_apis', 'wit', 'workitemtypes', type, 'states'];
      return readAnswer(States, await call({ method: 'GET', effect: 'read', segments }, signal), 'read').value;
    });
  }

  async function findItem(id: string, signal: AbortSignal): Promise<WorkItem | undefined> {
    const segments = [project, '_apis', 'wit', 'workitems', numberOf(id)];
    const query = { fields: FIELDS, ...VERSION };
    const answer = await call({ method: 'GET', effect: 'read', segments, query, expect: [200, 404] }, signal);
    return answer.status === 200 ? readAnswer(WorkItem, answer, 'read') : undefined;
  }

  async function write(method: 'POST' | 'PATCH', last: string, body: readonly Operation[], signal: AbortSignal) {
    const segments = [project, '_apis', 'wit', 'workitems', last];
    const contentType = 'application/json-patch+json';
    return readAnswer(WorkItem, await call({ method, effect: 'write', segments, body, contentType }, signal), 'write');
  }

  async function change(
    id: string,
    build: (item: WorkItem) => Promise<readonly Operation[] | undefined>,
    signal: AbortSignal,
  ): Promise<WorkItem> {
    for (let isSecond = false; ; isSecond = true) {
      const item = await findItem(id, signal);
      if (item === undefined)
        throw new TicketError('not-found', `Azure DevOps has no work item ${id} in ${project}, or hides it`);
      const operations = await build(item);
      if (operations === undefined) return item;
      try {
        return await write('PATCH', id, [{ op: 'test', path: '/rev', value: item.rev }, ...operations], signal);
      } catch (error) {
        if (isSecond || !(error instanceof TicketError) || error.kind !== 'conflict') throw error;
      }
    }
  }

  return {
    call,
    readStates,
    findItem,
    create: async (operations, signal) => await write('POST', `$${workItemType}`, operations, signal),
    add: async (id, operations, signal) => await write('PATCH', numberOf(id), operations, signal),
    change,
  };
}

/** Ids come from a row: nothing but a number may become part of an address. */
function numberOf(id: string): string {
  if (/^\d{1,15}$/.test(id)) return id;
  throw new TicketError('not-found', 'a work item of Azure DevOps has a number');
}
