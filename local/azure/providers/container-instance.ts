import {
  deleteResource,
  getOperationStatus,
  getResource,
  listResources,
  patchTags,
  putResource,
  requireResource,
  type WriteStyle,
} from '../generic-resource.ts';
import { isJsonObject, type Json, type JsonObject, omit } from '../json.ts';
import type { Handler, Provider } from '../provider.ts';
import { checkResourceBusy } from './busy.ts';

const TYPE = 'Microsoft.ContainerInstance/containerGroups';
const API_VERSIONS = ['2023-05-01', '2022-10-01-preview', '2022-09-01', '2021-10-01', '2021-09-01', '2021-07-01'];
/** Write-only members: no answer ever carries them, so a GET-modify-PUT loses them. */
const WRITE_ONLY = new Set(['password', 'secureValue', 'storageAccountKey']);
const SERVER_OWNED = new Set(['instanceView', 'provisioningState']);

const style: WriteStyle = {
  view: (resource) => resource,
  asyncStatus: (method) => (method === 'DELETE' ? 202 : 201),
  statusUrl: ({ apiVersion, id, world }, { id: operationId }) =>
    `${world.baseUrl()}/subscriptions/${id.split('/')[2]}/providers/Microsoft.ContainerInstance/locations/westeurope/operations/${operationId}?api-version=${apiVersion}`,
  checkBusy: checkResourceBusy,
};

function withoutSecrets(value: Json | undefined): Json | undefined {
  if (Array.isArray(value)) return value.map((entry: Json) => withoutSecrets(entry) ?? null);
  if (!isJsonObject(value)) return value;
  const kept = omit(value, WRITE_ONLY);
  return Object.fromEntries(Object.entries(kept).map(([name, member]) => [name, withoutSecrets(member)]));
}

function cleanBody(body: JsonObject): JsonObject {
  const cleaned = withoutSecrets(body);
  return isJsonObject(cleaned) ? cleaned : body;
}

const answerAction: Handler = (call) => ({ status: 204, raises: requireResource(call).id });

export const containerInstance: Provider = {
  namespace: 'Microsoft.ContainerInstance',
  types: [
    {
      type: TYPE,
      apiVersions: API_VERSIONS,
      get: getResource(style.view),
      list: listResources(style.view),
      put: putResource(style, SERVER_OWNED, cleanBody),
      // ACI lets nothing but tags be changed in place. https://learn.microsoft.com/rest/api/container-instances/container-groups/update
      patch: patchTags(style),
      delete: deleteResource(style),
      actions: { start: answerAction, stop: answerAction, restart: answerAction },
    },
    { type: 'Microsoft.ContainerInstance/locations/operations', apiVersions: API_VERSIONS, get: getOperationStatus },
  ],
};
