import type { RawResource } from '../resource-store.ts';
import { AKS_AUDIENCE } from './kubernetes-api.ts';

/** What stands in a kubeconfig. */
export interface KubeconfigContent {
  readonly cluster: RawResource;
  readonly server: string;
  /** Undefined = none is named. */
  readonly ca: string | undefined;
  /** `clusterUser` or `clusterAdmin`. */
  readonly role: string;
  readonly tenantId: string;
  /** A token makes a user that needs no sign-in; undefined = the user signs in with kubelogin. */
  readonly token: string | undefined;
}

/** The application id with which kubelogin signs people in. */
const KUBELOGIN_CLIENT = '80faf920-1908-4b52-b5ef-a8e7bedfc67a';

/** A kubeconfig in YAML, key by key as Azure writes it. */
export function toKubeconfig({ ca, cluster, role, server, tenantId, token }: KubeconfigContent): string {
  const { id, name } = cluster;
  const user = `${role}_${id.split('/')[4] ?? ''}_${name}`;
  const authority = ca === undefined ? '' : `    certificate-authority-data: ${Buffer.from(ca).toString('base64')}\n`;
  return `apiVersion: v1
clusters:
- cluster:
${authority}    server: ${server}
  name: ${name}
contexts:
- context:
    cluster: ${name}
    user: ${user}
  name: ${name}
current-context: ${name}
kind: Config
preferences: {}
users:
- name: ${user}
  user:
${token === undefined ? kubelogin(tenantId) : `    token: ${token}\n`}`;
}

function kubelogin(tenantId: string): string {
  return `    exec:
      apiVersion: client.authentication.k8s.io/v1beta1
      args:
      - get-token
      - --environment
      - AzurePublicCloud
      - --server-id
      - ${AKS_AUDIENCE}
      - --client-id
      - ${KUBELOGIN_CLIENT}
      - --tenant-id
      - ${tenantId}
      - --login
      - devicecode
      command: kubelogin
      env: null
      installHint: |2

        kubelogin is not installed which is required to connect to AAD enabled cluster.

        To learn more, please go to https://aka.ms/aks/kubelogin
      provideClusterInfo: false
`;
}
