import type { Check } from './check.ts';
import { appCheck } from './checks/app.ts';
import { azurePolicyCheck } from './checks/azure-policy.ts';
import { clockCheck } from './checks/clock.ts';
import { defenderExportCheck } from './checks/defender-export.ts';
import { eventsCheck } from './checks/events.ts';
import { functionsCheck } from './checks/functions.ts';
import { hostCheck } from './checks/host.ts';
import { queuesCheck } from './checks/queues.ts';
import { rolesCheck } from './checks/roles.ts';
import { settingsCheck } from './checks/settings.ts';
import { sweepCheck } from './checks/sweep.ts';
import { tablesCheck } from './checks/tables.ts';
import type { DeployedContext } from './deployed.ts';

/** Every check of a deployed set-up, in the order in which they run: first what the others rest on. */
export const deployedChecks: readonly Check<DeployedContext>[] = [
  clockCheck,
  appCheck,
  settingsCheck,
  hostCheck,
  functionsCheck,
  rolesCheck,
  tablesCheck,
  queuesCheck,
  eventsCheck,
  defenderExportCheck,
  sweepCheck,
  azurePolicyCheck,
];
