import { ArmError, invalidContent } from '../errors.ts';
import { listResources, requireBody, requireGroup, requireResource } from '../generic-resource.ts';
import { isJsonObject, type Json, type JsonObject, readString } from '../json.ts';
import type { Handler, Provider, ResourceTypeDefinition } from '../provider.ts';
import type { RawResource } from '../resource-store.ts';
import { ROLE_ASSIGNMENT_TYPE } from '../role-view.ts';
import { readOnly } from './read-only.ts';

const GUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** What a diagnostic setting sends to; one of them has to be there. */
const DESTINATIONS = ['workspaceId', 'storageAccountId', 'eventHubAuthorizationRuleId', 'marketplacePartnerId'];

const view = ({ id, name, properties = {}, type }: RawResource): Json => ({ id, name, type, properties });

/** A resource that extends another one: it is kept as it was put, without location and tags, and every write raises its own event. */
function extension(
  type: string,
  apiVersions: readonly string[],
  check: (properties: JsonObject, name: string) => void,
): ResourceTypeDefinition {
  const put: Handler = (call) => {
    requireGroup(call);
    const { properties } = requireBody(call);
    if (!isJsonObject(properties)) throw invalidContent("'properties' is missing.");
    const name = call.target.names.at(-1) ?? '';
    check(properties, name);
    const before = call.world.store.find(call.id);
    const stored = { id: before?.id ?? call.id, name, type, properties };
    call.world.store.write(stored);
    return { status: before ? 200 : 201, body: view(stored), raises: stored.id, created: !before };
  };
  const remove: Handler = (call) => {
    requireGroup(call);
    const resource = call.world.store.find(call.id);
    if (!resource) return { status: 204 };
    call.world.store.remove(resource.id);
    return { status: 200, body: view(resource), raises: resource.id };
  };
  return {
    type,
    apiVersions,
    get: (call) => ({ status: 200, body: view(requireResource(call)) }),
    list: listResources(view),
    put,
    delete: remove,
  };
}

// With the older one az 2.45 asks.
const ASSIGNMENT_VERSIONS = ['2022-04-01', '2020-04-01-preview'];

/** Assignments that are put are kept and told of; they give nobody anything: the identities of the simulated Azure have theirs from the start. */
export const storedAssignments = extension(ROLE_ASSIGNMENT_TYPE, ASSIGNMENT_VERSIONS, (properties, name) => {
  if (!GUID.test(name))
    throw new ArmError(
      400,
      'InvalidRoleAssignmentId',
      `The role assignment ID '${name}' is not valid. The role assignment ID must be a GUID.`,
    );
  for (const needed of ['roleDefinitionId', 'principalId'])
    if (readString(properties, needed) === undefined) throw invalidContent(`'properties.${needed}' is missing.`);
});

/** Settings are kept and told of; no log is sent anywhere. https://learn.microsoft.com/azure/azure-monitor/platform/diagnostic-settings */
export const insights: Provider = {
  namespace: 'Microsoft.Insights',
  types: [
    extension('Microsoft.Insights/diagnosticSettings', ['2021-05-01-preview'], (properties) => {
      const given = DESTINATIONS.filter((name) => readString(properties, name) !== undefined);
      if (given.length === 0) throw invalidContent(`one of ${DESTINATIONS.join(', ')} has to be given.`);
    }),
    readOnly('Microsoft.Insights/components', ['2020-02-02']),
  ],
};
