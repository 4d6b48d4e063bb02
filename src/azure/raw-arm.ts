import { DockwardenError } from '../errors.ts';
import { isPlainObject } from '../resources/lenient.ts';
import { errorOfAnswer } from './azure-error.ts';
import { type CallContext, runHeaders } from './operation.ts';

/** One JSON object of an answer. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** One raw ARM request; throws a classified error for every answer but 2xx. `path` may be a `nextLink`. */
export interface RawRequest {
  readonly path: string;
  readonly apiVersion: string;
  readonly resourceId?: string;
}

/** Raw JSON of one resource. An answer that is no JSON object (a proxy's HTML page, a cut body) counts as a passing fault. */
export async function getJson(context: CallContext, request: RawRequest): Promise<JsonObject> {
  const answer = await context.clients.arm
    .pathUnchecked(request.path)
    .get({ queryParameters: { 'api-version': request.apiVersion }, abortSignal: context.signal });
  noteRequestId(context, answer.headers);
  if (!answer.status.startsWith('2')) throw errorOfAnswer(answer, 'read', new Date(), request.resourceId);
  return asObject(answer.body, request.path);
}

/** Most pages of one list; a longer list is an error, never a silent cut. */
const MAX_PAGES = 100;

/** Every item of a paged list. A page that cannot be read fails the whole list: a part of it proves nothing. */
export async function listJson(context: CallContext, request: RawRequest): Promise<readonly JsonObject[]> {
  const items: JsonObject[] = [];
  let path: string | undefined = request.path;
  for (let page = 0; path !== undefined; page += 1) {
    if (page >= MAX_PAGES)
      throw new DockwardenError('AZURE_INVALID', `the list at ${request.path} has more than ${MAX_PAGES} pages`);
    const body: JsonObject = await getJson(context, { ...request, path });
    const { value, nextLink } = body;
    if (!Array.isArray(value)) throw new DockwardenError('AZURE_TRANSIENT', `the list at ${request.path} has no value`);
    items.push(...value.filter(isPlainObject));
    path = typeof nextLink === 'string' && nextLink !== '' ? nextLink : undefined;
  }
  return items;
}

/** Sends a PATCH with a JSON body; an accepted but unfinished change (202) counts as sent, and the read-back decides. */
export async function patchJson(context: CallContext, request: RawRequest & { readonly body: unknown }): Promise<void> {
  const answer = await context.clients.arm.pathUnchecked(request.path).patch({
    queryParameters: { 'api-version': request.apiVersion },
    contentType: 'application/json',
    body: request.body,
    headers: runHeaders(context),
    abortSignal: context.signal,
  });
  noteRequestId(context, answer.headers);
  if (!answer.status.startsWith('2')) throw errorOfAnswer(answer, 'write', new Date(), request.resourceId);
}

function asObject(body: unknown, path: string): JsonObject {
  if (isPlainObject(body)) return body;
  throw new DockwardenError('AZURE_TRANSIENT', `the answer for ${path} is not a JSON object`);
}

function noteRequestId(context: CallContext, headers: Readonly<Record<string, string | undefined>>): void {
  const requestId = headers['x-ms-request-id'];
  if (requestId !== undefined) context.noteRequestId(requestId);
}
