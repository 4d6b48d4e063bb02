import type { Check } from '../check.ts';
import type { BeforeDeployContext } from './context.ts';
import { deploymentsCheck } from './deployments.ts';
import { environmentNameCheck } from './environment-name.ts';
import { groupsCheck } from './groups.ts';
import { locationCheck } from './location.ts';
import { permissionsCheck } from './permissions.ts';
import { providersCheck } from './providers.ts';
import { subscriptionCheck } from './subscription.ts';
import { systemTopicCheck } from './system-topic.ts';

/** Everything that `doctor --before-deploy` looks at, in this order. */
export const beforeDeployChecks: readonly Check<BeforeDeployContext>[] = [
  subscriptionCheck,
  environmentNameCheck,
  permissionsCheck,
  providersCheck,
  locationCheck,
  groupsCheck,
  deploymentsCheck,
  systemTopicCheck,
];
