import type { ResourceId } from '../../resources/resource-id.ts';
import { type AdviceStep, targetOptions } from '../advice.ts';

/** How to get at the cluster with `kubectl`; the steps that follow need it. */
export function openCluster(target: ResourceId): AdviceStep {
  return {
    text: 'Sign in to the cluster in a POSIX shell, for example in the Azure Cloud Shell, and type what follows in that same shell. A private cluster can only be reached from its own network.',
    commands: [
      // A file of its own: should the sign-in fail, what follows meets no cluster at all instead of another one.
      'export KUBECONFIG="$(mktemp)"',
      `az aks get-credentials ${targetOptions(target)} --file "$KUBECONFIG"`,
    ],
  };
}
