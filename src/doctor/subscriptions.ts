import type { ArmAccess } from '../azure/arm-access.ts';
import { doctorVersions } from './api-versions.ts';

/** Ids of all subscriptions that whoever asks may see something in, in lower case. */
export async function listSubscriptions(arm: ArmAccess): Promise<readonly string[]> {
  const items = await arm.list('/subscriptions', doctorVersions.subscriptions);
  return items.flatMap(({ subscriptionId }) =>
    typeof subscriptionId === 'string' ? [subscriptionId.toLowerCase()] : [],
  );
}
