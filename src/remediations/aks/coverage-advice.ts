import type { CoverageReason } from '../../policy/node-health/detection.ts';
import type { ResourceId } from '../../resources/resource-id.ts';
import { type AdviceStep, askFor, shellQuote, targetOptions } from '../advice.ts';
import { kuredAdvice, type ReasonAdvice } from './kured-advice.ts';

/** The custom role that lets Dockwarden read the nodes of a cluster. */
export const NODE_READER_ROLE = 'Dockwarden node reader';

const PRINCIPAL = askFor('DOCKWARDEN_PRINCIPAL_ID', 'the object id of the identity of Dockwarden');

/** What to do, for every reason that there is. */
export const coverageAdvice: Readonly<Record<CoverageReason, ReasonAdvice>> = {
  'not-entra-integrated': {
    summary: 'Switch on the Entra integration of the cluster, so that Dockwarden can read its nodes as itself.',
    steps: (target) => [
      {
        text: 'Without Entra, whoever gets the credentials of the cluster is its administrator, so Dockwarden does not use them. The integration cannot be switched off again, and everybody signs in with Entra from then on: settle it with all users of the cluster first.',
        commands: [`az aks update ${targetOptions(target)} --enable-aad --enable-azure-rbac`],
      },
      assignRole(target),
    ],
  },
  'no-permission': {
    summary: 'Allow Dockwarden to read the nodes and daemon sets of the cluster.',
    steps: (target) => [assignRole(target), bindInCluster()],
  },
  unauthorized: {
    summary: 'Find out why the cluster refuses the sign-in of Dockwarden.',
    steps: (target) => [
      {
        text: 'The cluster answers 401. The usual reason is that it trusts another Entra tenant than that of the identity of Dockwarden; compare the two:',
        commands: [
          `az aks show ${targetOptions(target)} --query aadProfile.tenantId --output tsv`,
          `az account show --subscription ${shellQuote(target.subscriptionId)} --query tenantId --output tsv`,
        ],
      },
    ],
  },
  unreachable: {
    summary: 'Let Dockwarden reach the address of the cluster, or let it learn about the nodes in another way.',
    steps: (target) => [
      {
        text: 'See whether the cluster is private, or answers to certain addresses only.',
        commands: [
          `az aks show ${targetOptions(target)} --query ${shellQuote('{state:powerState.code,private:apiServerAccessProfile.enablePrivateCluster,ranges:apiServerAccessProfile.authorizedIpRanges}')}`,
        ],
      },
      {
        text: 'With ranges: add the outbound addresses of Dockwarden. The list is replaced as a whole, so it has to hold the present ranges too.',
        commands: [
          `az aks update ${targetOptions(target)} --api-server-authorized-ip-ranges ${askFor('RANGES', 'all ranges, old and new, separated by commas')}`,
        ],
      },
      {
        text: 'Private: connect the Function App to a network that reaches the cluster. Where that is not wanted, have kured scraped by managed Prometheus and name the workspace in AKS_METRICS_ENDPOINTS, or set AKS_RUN_COMMAND to private-clusters.',
      },
    ],
  },
  refused: {
    summary: 'Find out why the credentials of the cluster name another address than Azure does.',
    steps: (target) => [
      {
        text: 'Dockwarden sends its token to no other host than the one that Azure names for the cluster. See what Azure says; if a proxy or a custom domain stands before the cluster, Dockwarden has to reach the cluster without it.',
        commands: [`az aks show ${targetOptions(target)} --query ${shellQuote('{fqdn:fqdn,privateFqdn:privateFqdn}')}`],
      },
    ],
  },
  'unreadable-answer': {
    summary: 'Find out what answers in the place of the cluster.',
    needs: 'kubectl',
    steps: () => [
      {
        text: 'What answered was no list of nodes: often a proxy, or a cluster that is starting. See whether it answers you:',
        commands: ['kubectl get --raw /readyz', 'kubectl get nodes'],
      },
    ],
  },
  'channel-none': {
    summary: 'Choose a channel for node OS upgrades, because nobody patches the nodes of this cluster.',
    steps: (target) => [
      {
        text: 'With the channel NodeImage, Azure replaces the nodes every week by nodes with the newest image, within the maintenance window of the cluster if it has one:',
        commands: [`az aks update ${targetOptions(target)} --node-os-upgrade-channel NodeImage`],
      },
    ],
  },
  'annotation-stale': {
    summary: 'Remove the request of kured from nodes that were rebooted in another way.',
    needs: 'kubectl',
    steps: () => [
      {
        text: 'A request of kured goes only after a reboot that kured itself made, and is not replaced: a reboot that is needed later would not be noticed. See which nodes have one, and since when:',
        commands: [
          String.raw`kubectl get nodes --output custom-columns='NAME:.metadata.name,SINCE:.metadata.annotations.weave\.works/kured-reboot-in-progress'`,
        ],
      },
      {
        text: 'For each node that this finding names. If its reboot is still needed, kured writes the request anew.',
        commands: [
          `kubectl annotate node ${askFor('NODE', 'the name of a node')} weave.works/kured-reboot-in-progress-`,
        ],
      },
    ],
  },
  ...kuredAdvice,
};

function assignRole({ id }: ResourceId): AdviceStep {
  return {
    text: `A cluster with Azure RBAC: assign the role ${NODE_READER_ROLE} on the cluster to the identity of Dockwarden. Its object id stands in the setting DOCKWARDEN_PRINCIPAL_ID.`,
    commands: [
      [
        'az role assignment create',
        `--assignee-object-id ${PRINCIPAL}`,
        '--assignee-principal-type ServicePrincipal',
        `--role ${shellQuote(NODE_READER_ROLE)}`,
        `--scope ${shellQuote(id)}`,
      ].join(' '),
    ],
  };
}

function bindInCluster(): AdviceStep {
  return {
    text: 'A cluster without Azure RBAC: allow it inside the cluster instead, as one of its administrators.',
    commands: [
      'kubectl create clusterrole dockwarden-node-reader --verb=get,list --resource=nodes,daemonsets.apps',
      `kubectl create clusterrolebinding dockwarden-node-reader --clusterrole=dockwarden-node-reader --user=${PRINCIPAL}`,
    ],
  };
}
