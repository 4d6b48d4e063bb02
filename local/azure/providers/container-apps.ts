import {
  commitWrite,
  deleteResource,
  getOperationStatus,
  getResource,
  listResources,
  putResource,
  readTags,
  requireBody,
  requireResource,
  type WriteStyle,
} from '../generic-resource.ts';
import { isJsonObject, mergePatch } from '../json.ts';
import type { Handler, Provider } from '../provider.ts';
import { checkResourceBusy } from './busy.ts';

const style: WriteStyle = {
  view: (resource) => resource,
  asyncStatus: (method) => (method === 'PUT' ? 201 : 202),
  statusUrl: ({ apiVersion, id, world }, { id: operationId }) =>
    `${world.baseUrl()}/subscriptions/${id.split('/')[2]}/providers/Microsoft.App/locations/westeurope/containerappOperationStatuses/${operationId}?api-version=${apiVersion}`,
  checkBusy: checkResourceBusy,
};

const patchApp: Handler = (call) => {
  const app = requireResource(call);
  const body = requireBody(call);
  const { properties, tags } = body;
  const after = {
    ...app,
    ...(tags === undefined ? {} : { tags: readTags(tags) }),
    ...(isJsonObject(properties) ? { properties: mergePatch(app.properties, properties) } : {}),
  };
  return commitWrite(call, app, after, style);
};

/** Only as far as a registry's dependants need: `properties.configuration.registries[].{server,username}`. */
export const containerApps: Provider = {
  namespace: 'Microsoft.App',
  types: [
    {
      type: 'Microsoft.App/containerApps',
      apiVersions: ['2024-03-01', '2023-05-01'],
      get: getResource(style.view),
      list: listResources(style.view),
      put: putResource(style, new Set(['provisioningState'])),
      patch: patchApp,
      delete: deleteResource(style),
    },
    {
      type: 'Microsoft.App/locations/containerappOperationStatuses',
      apiVersions: ['2024-03-01', '2023-05-01'],
      get: getOperationStatus,
    },
  ],
};
