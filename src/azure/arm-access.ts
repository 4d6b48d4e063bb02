import { isPlainObject } from '../resources/lenient.ts';
import { getUrl, postForAnswer } from './arm-post.ts';
import { classifyAzureError, errorOfAnswer } from './azure-error.ts';
import type { AzureClients } from './clients.ts';
import type { CallContext } from './operation.ts';
import { getJson, type JsonObject, listJson } from './raw-arm.ts';

/**
 * Azure Resource Manager for whoever asks questions at a command line. `path` is a resource id or what lies below it, and may have a query
 * (`…/roleAssignments?$filter=…`) besides the api-version. Everything that goes wrong is a classified `DockwardenError`; a 404 is
 * `AZURE_NOT_FOUND`, a 403 `AZURE_DENIED`.
 */
export interface ArmAccess {
  get(path: string, apiVersion: string): Promise<JsonObject>;
  /** Every item of a paged list. */
  list(path: string, apiVersion: string): Promise<readonly JsonObject[]>;
  /** A POST that asks and changes nothing. */
  ask(path: string, apiVersion: string, body?: JsonObject): Promise<JsonObject>;
  /** The clock of Azure Resource Manager, as the header `Date` of an answer tells it; undefined = it tells none. */
  askTime(path: string, apiVersion: string): Promise<Date | undefined>;
}

/** Longest wait for one answer, in milliseconds. */
const TIMEOUT = 30_000;

export function createArmAccess(clients: AzureClients): ArmAccess {
  const contextOf = (): CallContext => {
    const signal = AbortSignal.timeout(TIMEOUT);
    return { clients, signal, operationSignal: signal, noteRequestId: () => undefined };
  };
  return {
    get: async (path, apiVersion) =>
      await classified(path, async () => await getJson(contextOf(), { path, apiVersion, resourceId: path })),
    list: async (path, apiVersion) =>
      await classified(path, async () => await listJson(contextOf(), { path, apiVersion, resourceId: path })),
    ask: async (path, apiVersion, body) =>
      await classified(path, async () => {
        const answer = await postForAnswer(contextOf(), { path, apiVersion, ...(body !== undefined && { body }) });
        if (!answer.status.startsWith('2')) throw errorOfAnswer(answer, 'read', new Date(), path);
        if (isPlainObject(answer.body)) return answer.body;
        throw new Error(`the answer for ${path} is not a JSON object`);
      }),
    askTime: async (path, apiVersion) =>
      await classified(path, async () => {
        const context = contextOf();
        const url = `${path}${path.includes('?') ? '&' : '?'}api-version=${encodeURIComponent(apiVersion)}`;
        const { headers } = await getUrl(context, url, context.signal);
        const time = Date.parse(headers['date'] ?? '');
        return Number.isNaN(time) ? undefined : new Date(time);
      }),
  };
}

async function classified<T>(path: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw classifyAzureError(error, 'read', new Date(), path);
  }
}
