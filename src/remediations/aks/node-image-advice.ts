import { type Advice, type AdviceContext, type AdviceStep, shellQuote, showName, targetOptions } from '../advice.ts';

/** Replaces the nodes of the pool, or of the whole cluster, by nodes with the newest image. */
export function upgradeImages({ target, part }: AdviceContext): AdviceStep {
  return {
    text: 'Upgrade the node image. Azure adds a node, then drains and replaces the old ones one after the other; pods move, and lose what they keep in volumes of type emptyDir. Do it in a maintenance window.',
    commands: [
      part === ''
        ? `az aks upgrade ${targetOptions(target)} --node-image-only`
        : `az aks nodepool upgrade ${targetOptions(target, '--cluster-name')} --name ${shellQuote(part)} --node-image-only`,
    ],
  };
}

/** What to do about nodes whose image is overdue; `prevention` says how it does not come back. */
export function adviseOnImages(context: AdviceContext, prevention: string): Advice {
  const { target, part } = context;
  return {
    summary: `Upgrade the node image of ${part === '' ? 'the cluster' : `agent pool ${showName(part)}`}.`,
    steps: [
      compareImages(context),
      upgradeImages(context),
      {
        text: 'When the upgrade stops or has failed before, look for the reason: most often a disruption budget that allows no disruption, too few free addresses in the subnet, or no quota left for one more node.',
        commands: [
          `az monitor activity-log list --resource-id ${shellQuote(target.id)} --offset 7d --status Failed --output table`,
          'kubectl get poddisruptionbudgets --all-namespaces',
        ],
      },
      { text: prevention, commands: [`az aks update ${targetOptions(target)} --node-os-upgrade-channel NodeImage`] },
    ],
  };
}

function compareImages({ target, part }: AdviceContext): AdviceStep {
  if (part === '') {
    const query = '[].{pool:name,image:nodeImageVersion}';
    return {
      text: 'See the images that the pools have.',
      commands: [
        `az aks nodepool list ${targetOptions(target, '--cluster-name')} --query ${shellQuote(query)} --output table`,
      ],
    };
  }
  const cluster = targetOptions(target, '--cluster-name');
  return {
    text: 'See the image that the pool has, and the newest one that there is for it.',
    commands: [
      `az aks nodepool show ${cluster} --name ${shellQuote(part)} --query nodeImageVersion --output tsv`,
      `az aks nodepool get-upgrades ${cluster} --nodepool-name ${shellQuote(part)} --query latestNodeImageVersion --output tsv`,
    ],
  };
}
