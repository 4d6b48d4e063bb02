import { DockwardenError } from '../errors.ts';
import { isPlainObject } from '../resources/lenient.ts';
import type { ManagedCluster } from '../resources/managed-cluster.ts';
import type { ResourceId } from '../resources/resource-id.ts';
import { apiVersions } from './api-versions.ts';
import { postForAnswer } from './arm-post.ts';
import { classifyAzureError, errorOfAnswer } from './azure-error.ts';
import {
  type ClusterCredentials,
  isCertificateAuthority,
  isEntraIntegrated,
  isServerOf,
  parseServer,
} from './cluster-credentials.ts';
import { type CallContext, defineRead } from './operation.ts';

/** Longest kubeconfig in bytes; real ones have about 10 kB. */
const MAX_KUBECONFIG = 64 * 1024;

export const readClusterCredentials = defineRead({
  id: 'managedClusters.listClusterUserCredential',
  actions: ['Microsoft.ContainerService/managedClusters/listClusterUserCredential/action'],
  /**
   * Server and certificate authority of the cluster; the user that comes with them is thrown away. Throws `AZURE_INVALID` for a cluster
   * without Entra (nothing is sent then), and for credentials that are odd or lead elsewhere. No error quotes the answer.
   */
  async run(context: CallContext, target: ResourceId, cluster: ManagedCluster): Promise<ClusterCredentials> {
    if (!isEntraIntegrated(cluster)) {
      throw new DockwardenError('AZURE_INVALID', 'the cluster does not use Entra, so its credentials are never read', {
        resourceId: target.id,
      });
    }
    const body = await postForCredentials(context, target);
    const { kubeconfigs } = body;
    const [first, ...others]: readonly unknown[] = Array.isArray(kubeconfigs) ? kubeconfigs : [];
    const value = isPlainObject(first) ? first['value'] : undefined;
    if (typeof value !== 'string' || others.length > 0) throw invalid(target, 'there is not exactly one');
    const credentials = parseKubeconfig(decode(value, target), target);
    const server = parseServer(credentials.server);
    if (server === undefined || !isServerOf(cluster, server)) {
      throw invalid(target, 'their server is not the one that Azure Resource Manager names');
    }
    return credentials;
  },
});

/** The answer holds a user, perhaps with a key: errors about it are told without their causes. */
async function postForCredentials(context: CallContext, target: ResourceId) {
  const apiVersion = apiVersions['Microsoft.ContainerService/managedClusters'];
  const path = `${target.id}/listClusterUserCredential`;
  const answer = await postForAnswer(context, { path, apiVersion }).catch((error: unknown) => {
    throw classifyAzureError(error, 'read', new Date(), target.id);
  });
  if (!answer.status.startsWith('2')) throw errorOfAnswer(answer, 'read', new Date(), target.id);
  if (!isPlainObject(answer.body)) throw invalid(target, 'the answer is not a JSON object');
  return answer.body;
}

function decode(base64: string, target: ResourceId): string {
  if (base64.length > (MAX_KUBECONFIG * 4) / 3 + 4) throw invalid(target, 'they are too long');
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) throw invalid(target, 'they are not base64');
  return Buffer.from(base64, 'base64').toString('utf8');
}

/**
 * Reads the two keys of the only cluster, as `az aks get-credentials` gets them, and understands no more YAML than that: whatever is
 * written in another way is refused.
 */
function parseKubeconfig(text: string, target: ResourceId): ClusterCredentials {
  const lines = text.split(/\r?\n/);
  const starts = lines.flatMap((line, index) => (/^clusters:\s*$/.test(line) ? [index] : []));
  const [start] = starts;
  if (start === undefined || starts.length > 1) throw invalid(target, 'they hold no list of clusters');
  // An entry of a top-level list may begin in the first column.
  const length = lines.slice(start + 1).findIndex((line) => /^[^\s-]/.test(line) || line.startsWith('---'));
  const block = lines.slice(start + 1, length === -1 ? undefined : start + 1 + length);
  if (block.filter((line) => /^\s*-/.test(line)).length !== 1)
    throw invalid(target, 'they hold not exactly one cluster');
  const server = readKey(block, 'server');
  const url = server === undefined ? undefined : parseServer(server);
  if (url === undefined) throw invalid(target, 'their server is not a plain https address');
  const authority = readKey(block, 'certificate-authority-data');
  if (authority === undefined) throw invalid(target, 'they hold no certificate authority');
  const certificateAuthority = decode(authority, target);
  if (!isCertificateAuthority(certificateAuthority)) throw invalid(target, 'their certificate authority is not PEM');
  return { server: url.origin, certificateAuthority };
}

/** The plain value of a key that is there exactly once. */
function readKey(block: readonly string[], key: string): string | undefined {
  const lines = block.filter((line) => line.replace(/^[\s-]*["']?/, '').startsWith(key));
  if (lines.length !== 1) return undefined;
  return /^\s+(?:- )?[a-z-]+: (?<value>[^\s"'&*!|>%@`#{}[\],]\S*)$/.exec(lines[0] ?? '')?.groups?.['value'];
}

function invalid(target: ResourceId, because: string): DockwardenError {
  return new DockwardenError('AZURE_INVALID', `the credentials of the cluster cannot be used: ${because}`, {
    resourceId: target.id,
  });
}
