import type { JsonObject } from '../json.ts';

/** Documents with which a client finds out what the API offers; only what is served here is named. */
export function findDiscovery(path: string, kubernetesVersion: string, server: string): JsonObject | undefined {
  switch (path.replace(/\/$/, '')) {
    case '/version': {
      const [major = '1', minor = '33'] = kubernetesVersion.split('.');
      return {
        major,
        minor,
        gitVersion: `v${kubernetesVersion}`,
        gitCommit: '0000000000000000000000000000000000000000',
        gitTreeState: 'clean',
        buildDate: '2026-01-01T00:00:00Z',
        goVersion: 'go1.24.0',
        compiler: 'gc',
        platform: 'linux/amd64',
      };
    }
    case '/api': {
      const serverAddress = server.replace(/^https:\/\//, '');
      return {
        kind: 'APIVersions',
        versions: ['v1'],
        serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }],
      };
    }
    case '/apis':
      return { kind: 'APIGroupList', apiVersion: 'v1', groups: [APPS] };
    case '/apis/apps':
      return { kind: 'APIGroup', apiVersion: 'v1', ...APPS };
    case '/api/v1':
      return resourceList('v1', {
        name: 'nodes',
        singularName: 'node',
        namespaced: false,
        kind: 'Node',
        verbs: ['get', 'list'],
        shortNames: ['no'],
      });
    case '/apis/apps/v1':
      return resourceList('apps/v1', {
        name: 'daemonsets',
        singularName: 'daemonset',
        namespaced: true,
        kind: 'DaemonSet',
        verbs: ['get', 'list'],
        shortNames: ['ds'],
      });
    default:
      return undefined;
  }
}

const APPS_V1 = { groupVersion: 'apps/v1', version: 'v1' };
const APPS = { name: 'apps', versions: [APPS_V1], preferredVersion: APPS_V1 };

function resourceList(groupVersion: string, resource: JsonObject): JsonObject {
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources: [resource] };
}
