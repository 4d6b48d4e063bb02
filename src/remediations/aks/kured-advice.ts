import type { CoverageReason } from '../../policy/node-health/detection.ts';
import type { ResourceId } from '../../resources/resource-id.ts';
import { type AdviceStep, targetOptions } from '../advice.ts';

/** What to do about one reason why pending reboots of a cluster are not seen, or not done. */
export interface ReasonAdvice {
  /** One sentence. */
  readonly summary: string;
  /** `kubectl`: the steps need access to the cluster; `kured`: they also need to know where kured is. */
  readonly needs?: 'kubectl' | 'kured';
  steps(target: ResourceId): readonly AdviceStep[];
}

const CHART = 'kured --repo https://kubereboot.github.io/charts';
const KURED = 'kubectl --namespace "$namespace"';

/** Finds kured by its image, whatever it is called: `$namespace` and `$daemonset` for the lines that follow. */
export const findKured: AdviceStep = {
  text: 'Find kured; the commands below need its two names. If there is more than one, these are the names of the first.',
  commands: [
    `kured="$(kubectl get daemonsets --all-namespaces --output jsonpath='{range .items[*]}{.metadata.namespace}{" "}{.metadata.name}{" "}{.spec.template.spec.containers[*].image}{"\\n"}{end}' | grep -E '(kubereboot|weaveworks)/kured[:@]' | head -n 1)"`,
    'namespace="$(echo "$kured" | cut -d " " -f 1)"',
    'daemonset="$(echo "$kured" | cut -d " " -f 2)"',
  ],
};

/** By reason code: what to do when kured is not there, does not tell, or cannot act. */
export const kuredAdvice = {
  'kured-absent': {
    summary: 'Install kured, or choose a channel with which Azure replaces the nodes itself.',
    needs: 'kubectl',
    steps: (target) => [
      {
        text: 'With the channel Unmanaged the nodes install their patches themselves, and nobody reboots them. kured does that, and notes on each node that a reboot is due:',
        commands: [
          `helm upgrade --install kured ${CHART} --namespace kured --create-namespace --set configuration.annotateNodes=true`,
        ],
      },
      changeChannel(target),
    ],
  },
  'kured-not-ready': {
    summary: 'Find out why pods of kured are not ready.',
    needs: 'kured',
    steps: () => [
      {
        text: 'Look at its pods and at what Kubernetes says about them.',
        commands: [
          `${KURED} get pods --output wide`,
          `${KURED} describe daemonset "$daemonset"`,
          `${KURED} logs "daemonset/$daemonset" --tail=50`,
        ],
      },
    ],
  },
  'kured-silent': {
    summary: 'Let kured note on each node that a reboot is due, because nobody can see it otherwise.',
    needs: 'kured',
    steps: () => annotateNodes(),
  },
  'metric-incomplete': {
    summary: 'Let kured note on each node that a reboot is due, because its metric is there for some nodes only.',
    needs: 'kured',
    steps: () => [
      ...annotateNodes(),
      {
        text: 'Or have all of its pods scraped: see for which nodes there is one, and which targets Prometheus has.',
        commands: [`${KURED} get pods --output wide`],
      },
    ],
  },
  'kured-not-on-all-nodes': {
    summary: 'Let kured run on every Linux node, also on those with taints.',
    needs: 'kured',
    steps: () => [
      {
        text: 'By default kured tolerates the taints of control planes only, so nodes with others (CriticalAddonsOnly, spot, GPU) get no pod of it. See the taints, then let it tolerate all of them. Installed with Helm:',
        commands: [
          "kubectl get nodes --output custom-columns='NAME:.metadata.name,TAINTS:.spec.taints[*].key'",
          upgradeChart("'tolerations[0].operator=Exists'"),
        ],
      },
      {
        text: 'Installed in another way (change its manifest as well, or the next roll-out takes it back):',
        commands: [
          `${KURED} patch daemonset "$daemonset" --type merge --patch '{"spec":{"template":{"spec":{"tolerations":[{"operator":"Exists"}]}}}}'`,
        ],
      },
    ],
  },
  'lock-manual': {
    summary: 'Ask who paused the reboots of this cluster, and release the lock of kured if the reason is gone.',
    needs: 'kured',
    steps: () => [
      {
        text: 'Somebody has taken the lock of kured by hand (node `manual`), and no node is rebooted until it is released:',
        commands: [showLock, releaseLock],
      },
    ],
  },
  'lock-holder-gone': {
    summary: 'Release the lock of kured, because the node that holds it does not exist any more.',
    needs: 'kured',
    steps: () => [
      {
        text: 'See who holds the lock and that there is no such node, then release it. Without that no other node is rebooted.',
        commands: [showLock, 'kubectl get nodes', releaseLock],
      },
    ],
  },
  'lock-held-too-long': {
    summary: 'Find out why one node has held the lock of kured for hours, and finish its reboot.',
    needs: 'kured',
    steps: () => [
      {
        text: 'See which node holds the lock, and why its pods do not leave it: most often a disruption budget allows no disruption.',
        commands: [
          showLock,
          'kubectl get poddisruptionbudgets --all-namespaces',
          `${KURED} logs --selector app.kubernetes.io/name=kured --tail=50 --prefix`,
        ],
      },
      {
        text: 'When that node is rebooted or will not be, release the lock, and make sure that the node takes pods again (`kubectl uncordon`). So that a lock cannot stay for ever, give it an end (`--lock-ttl`):',
        commands: [releaseLock, upgradeChart('configuration.lockTtl=4h')],
      },
    ],
  },
  'lock-unreadable': {
    summary: 'Find out what stands in the place of the lock of kured, and take it away if it is no lock.',
    needs: 'kured',
    steps: () => [
      {
        text: 'Without a lock that it can read, kured reboots no node. See what stands there; when no node is being rebooted, take it away, and kured writes it anew:',
        commands: [showLock, releaseLock],
      },
    ],
  },
} as const satisfies Partial<Readonly<Record<CoverageReason, ReasonAdvice>>>;

const showLock = `${KURED} get daemonset "$daemonset" --output jsonpath='{.metadata.annotations.weave\\.works/kured-node-lock}'`;
const releaseLock = `${KURED} annotate daemonset "$daemonset" weave.works/kured-node-lock-`;

function annotateNodes(): readonly AdviceStep[] {
  return [
    { text: 'Installed with Helm:', commands: [upgradeChart('configuration.annotateNodes=true')] },
    {
      text: 'Installed in another way (change its manifest as well, or the next roll-out takes it back):',
      commands: [`${KURED} set env "daemonset/$daemonset" KURED_ANNOTATE_NODES=true`],
    },
  ];
}

/** Changes one value of the chart; the release is named by the DaemonSet itself. */
function upgradeChart(value: string): string {
  const release = `$(${KURED} get daemonset "$daemonset" --output jsonpath='{.metadata.annotations.meta\\.helm\\.sh/release-name}')`;
  return `helm upgrade "${release}" ${CHART} --namespace "$namespace" --reuse-values --set ${value}`;
}

function changeChannel(target: ResourceId): AdviceStep {
  return {
    text: 'Or let Azure do it, which needs no kured: with the channel NodeImage it replaces the nodes every week.',
    commands: [`az aks update ${targetOptions(target)} --node-os-upgrade-channel NodeImage`],
  };
}
