import { aksNodeRebootCompleted } from '../../policy/aks/node-reboot-completed.ts';
import type { PartItem } from '../../policy/define-policy.ts';
import type { ResourceId } from '../../resources/resource-id.ts';
import { type AdviceContext, type AdviceStep, shellQuote, showName, targetOptions } from '../advice.ts';
import { defineTracker } from '../define-tracker.ts';
import { openCluster } from './cluster-access.ts';
import { upgradeImages } from './node-image-advice.ts';

/** Most nodes that get lines of their own; the rest is done in the same way. */
const MAX_NODES = 10;
/** What Kubernetes allows as the name of a node; whoever is root on one cannot choose another. */
const NODE_NAME = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;

export const aksTrackNodeReboots = defineTracker({
  id: 'aks-track-node-reboots',
  title: 'Open tickets for nodes that miss a reboot',
  tracks: aksNodeRebootCompleted,
  advise(context) {
    const { target, part, items } = context;
    const nodes = items.filter(({ name }) => NODE_NAME.test(name));
    return {
      summary: `Reboot the nodes ${part === '' ? 'of the cluster' : `of agent pool ${showName(part)}`} that wait for it, one after the other: drain, restart, uncordon.`,
      steps: [
        openForRestarts(target),
        ...nodes.slice(0, MAX_NODES).map((node) => rebootNode(target, node)),
        ...describeOthers(context, nodes),
        {
          text: 'When a node cannot be drained, a disruption budget that allows no disruption is the usual reason, and the reason why kured did not reboot it either. Settle that with the owner of the pods:',
          commands: ['kubectl get poddisruptionbudgets --all-namespaces'],
        },
        {
          ...upgradeImages(context),
          text: 'Instead of rebooting many nodes one by one, you can have Azure replace all of them by nodes with the newest image, which wait for no reboot. It drains each of them in the same way.',
        },
      ],
    };
  },
});

function openForRestarts(target: ResourceId): AdviceStep {
  const { text, commands = [] } = openCluster(target);
  return {
    text,
    commands: [
      ...commands,
      `node_group="$(az aks show ${targetOptions(target)} --query nodeResourceGroup --output tsv)"`,
    ],
  };
}

/** Every line needs the one before it to have succeeded: a node that could not be drained is not restarted. */
function rebootNode({ subscriptionId }: ResourceId, { name }: PartItem): AdviceStep {
  return {
    text: `Reboot ${showName(name)}. Its pods move to other nodes and lose what they keep in volumes of type emptyDir.`,
    commands: [
      `node=${shellQuote(name)} &&`,
      `provider_id="$(kubectl get node "$node" --output jsonpath='{.spec.providerID}')" &&`,
      'scale_set="${provider_id%/virtualMachines/*}" &&',
      'kubectl cordon "$node" &&',
      'kubectl drain "$node" --ignore-daemonsets --delete-emptydir-data --timeout=30m &&',
      `az vmss restart --subscription ${shellQuote(subscriptionId)} --resource-group "$node_group" --name "\${scale_set##*/}" --instance-ids "\${provider_id##*/}" &&`,
      'kubectl wait --for=condition=Ready "node/$node" --timeout=15m &&',
      'kubectl uncordon "$node"',
    ],
  };
}

function describeOthers({ part, items }: AdviceContext, nodes: readonly PartItem[]): readonly AdviceStep[] {
  const selector = part === '' ? '' : ` --selector ${shellQuote(`kubernetes.azure.com/agentpool=${part}`)}`;
  const list = { commands: [`kubectl get nodes${selector} --output wide`] };
  if (nodes.length > MAX_NODES) {
    return [{ ...list, text: 'Do the same with the other nodes that this ticket names. The nodes as they are:' }];
  }
  if (nodes.length > 0 && nodes.length === items.length) return [];
  return [
    {
      ...list,
      text: 'No command is given for a node whose name is not known or not valid: look for it among the nodes as they are, and do the same with it.',
    },
  ];
}
