import { isRestError } from '@azure/core-rest-pipeline';
import { DockwardenError, isDockwardenError } from '../errors.ts';
import { ContainerApp, ContainerGroup, hasReadableSignIns } from '../resources/container-group.ts';
import { isPlainObject } from '../resources/lenient.ts';
import type { ResourceId } from '../resources/resource-id.ts';
import { Answers } from './answers.ts';
import { apiVersions } from './api-versions.ts';
import { type CallContext, defineRead, defineWrite } from './operation.ts';
import { getJson, type JsonObject, listJson, type RawRequest } from './raw-arm.ts';

/** ARM's answer to any credential call while the admin user is off (azure-apis §8.4). */
const ADMIN_USER_IS_OFF = 'UnAuthorizedForCredentialOperations';

export const regeneratePassword = defineWrite({
  id: 'registries.regenerateCredential',
  actions: ['Microsoft.ContainerRegistry/registries/regenerateCredential/action'],
  repeatable: false,
  /** Returns nothing because the answer carries both passwords. `AZURE_CONFLICT` when the admin user was switched off meanwhile. */
  async run(context: CallContext, target: ResourceId, name: PasswordName) {
    await renewPassword(context, target, name);
  },
});

type PasswordName = 'password' | 'password2';

/** Renews one password and returns it, for an operation that keeps it to itself; undefined when the answer does not name it. Errors as above. */
export async function renewPassword(
  context: CallContext,
  target: ResourceId,
  name: PasswordName,
): Promise<string | undefined> {
  const answers = new Answers(context);
  try {
    const { passwords } = await context.clients
      .registries(target.subscriptionId)
      .regenerateCredential(target.resourceGroup, target.name, { name }, answers.options(context.signal));
    return passwords?.find((password) => password.name === name)?.value;
  } catch (error) {
    // No cause: the error quotes the answer, and with it the passwords.
    if (answers.isSuccess) throw new DockwardenError('AZURE_UNKNOWN_RESULT', 'the answer to a rotation cannot be read');
    if (!isRestError(error) || error.code !== ADMIN_USER_IS_OFF) throw answers.explain(error);
    // Nothing was rotated, so nothing may be recorded as rotated: the registry has changed since it was read.
    throw new DockwardenError('AZURE_CONFLICT', 'the admin user is off, so there is no password to rotate', {
      cause: error,
      status: 400,
      serviceCode: ADMIN_USER_IS_OFF,
    });
  }
}

export const updateRegistry = defineWrite({
  id: 'registries.update',
  actions: [
    'Microsoft.ContainerRegistry/registries/write',
    'Microsoft.ContainerRegistry/registries/operationStatuses/read',
    // The client reads the registry when the operation has succeeded.
    'Microsoft.ContainerRegistry/registries/read',
  ],
  repeatable: true,
  async run(context: CallContext, target: ResourceId, change: { readonly adminUserEnabled: boolean }) {
    // The client hands this signal on to every poll, so it may hold the deadline of one request only while that request runs.
    const request = new AbortController();
    const abort = () => request.abort(context.signal.reason);
    context.signal.throwIfAborted();
    context.signal.addEventListener('abort', abort);
    const poller = context.clients
      .registries(target.subscriptionId)
      .update(target.resourceGroup, target.name, { ...change }, new Answers(context).options(request.signal));
    try {
      await poller.submitted();
    } finally {
      context.signal.removeEventListener('abort', abort);
    }
    try {
      await poller.pollUntilDone({ abortSignal: context.operationSignal });
    } catch (error) {
      throw afterAcceptance(error);
    }
  },
});

/**
 * The change was accepted, so an error of a poll says nothing about it: not that the resource is gone (404), nor that nothing was applied
 * (429). A failed operation is no error of a poll; a refused poll stands, because only a role assignment cures it.
 */
function afterAcceptance(error: unknown): unknown {
  if (isRestError(error) && (error.statusCode === 401 || error.statusCode === 403)) return error;
  if (!isRestError(error) && !isDockwardenError(error)) return error;
  return new DockwardenError('AZURE_UNKNOWN_RESULT', `accepted, but its progress cannot be read: ${error.message}`, {
    cause: error,
  });
}

/** Names of the repository-scoped tokens of a registry; whoever can read its passwords can make some. */
export const listTokens = defineRead({
  id: 'registries.listTokens',
  actions: ['Microsoft.ContainerRegistry/registries/tokens/read'],
  async run(context: CallContext, target: ResourceId): Promise<readonly string[]> {
    const apiVersion = apiVersions['Microsoft.ContainerRegistry/registries'];
    const items = await listJson(context, { path: `${target.id}/tokens`, apiVersion, resourceId: target.id });
    return items.map(({ name }) => name).filter((name) => typeof name === 'string');
  },
});

/** One workload that signs in to a registry with its admin user. */
export interface PasswordUser {
  readonly id: string;
}

export const findPasswordUsers = defineRead({
  id: 'registries.findPasswordUsers',
  actions: ['Microsoft.ContainerInstance/containerGroups/read', 'Microsoft.App/containerApps/read'],
  /**
   * Container groups and container apps of the registry's subscription that name its login server together with its admin user.
   * A lower bound: App Service keeps the password in settings that only a privileged action shows.
   */
  async run(context: CallContext, target: ResourceId, loginServer: string): Promise<readonly PasswordUser[]> {
    const isOurs = (credential: { server?: string | undefined; username?: string | undefined }) =>
      credential.server?.toLowerCase() === loginServer.toLowerCase() &&
      credential.username?.toLowerCase() === target.name.toLowerCase();
    const groups = await listContainerGroups(context, target.subscriptionId);
    const apps = await listContainerApps(context, target.subscriptionId);
    return [
      ...groups.filter(({ properties }) => properties.imageRegistryCredentials.some(isOurs)),
      ...apps.filter(({ properties }) => properties.configuration.registries.some(isOurs)),
    ].map(({ id }) => ({ id }));
  },
});

async function listContainerGroups(context: CallContext, subscriptionId: string): Promise<readonly ContainerGroup[]> {
  const apiVersion = apiVersions['Microsoft.ContainerInstance/containerGroups'];
  const path = `/subscriptions/${subscriptionId}/providers/Microsoft.ContainerInstance/containerGroups`;
  const groups: ContainerGroup[] = [];
  for (const item of await listUnlessUnregistered(context, { path, apiVersion })) {
    // The list may abbreviate its entries; a group always has containers.
    const { id, properties } = item;
    const isWhole = isPlainObject(properties) && Array.isArray(properties['containers']);
    const raw =
      isWhole || typeof id !== 'string' ? item : await getJson(context, { path: id, apiVersion, resourceId: id });
    if (!hasReadableSignIns(raw)) throw unreadable(raw);
    groups.push(ContainerGroup.parse(raw));
  }
  return groups;
}

async function listContainerApps(context: CallContext, subscriptionId: string): Promise<readonly ContainerApp[]> {
  const path = `/subscriptions/${subscriptionId}/providers/Microsoft.App/containerApps`;
  const apiVersion = apiVersions['Microsoft.App/containerApps'];
  const items = await listUnlessUnregistered(context, { path, apiVersion });
  return items.map((item) => {
    if (!hasReadableSignIns(item)) throw unreadable(item);
    return ContainerApp.parse(item);
  });
}

/** A provider that was never registered in the subscription has no resources there (code unverified against live Azure). */
async function listUnlessUnregistered(context: CallContext, request: RawRequest): Promise<readonly JsonObject[]> {
  try {
    return await listJson(context, request);
  } catch (error) {
    if (isDockwardenError(error) && error.details.serviceCode === 'MissingSubscriptionRegistration') return [];
    throw error;
  }
}

/** What cannot be read must not count as "signs in nowhere". */
function unreadable(item: JsonObject): DockwardenError {
  const id = String(item['id']).slice(0, 300);
  return new DockwardenError('AZURE_INVALID', `it cannot be read which registries ${id} signs in to`);
}
