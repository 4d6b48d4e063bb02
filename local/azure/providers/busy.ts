import { anotherOperationInProgress, clusterBusy } from '../errors.ts';
import type { Call } from '../provider.ts';
import type { RawResource } from '../resource-store.ts';

/** Throws when the resource is working on something else; AKS says so in its own words, without the `error` wrapper. */
export function checkResourceBusy({ apiVersion, world }: Call, { id, type }: RawResource): void {
  const running = world.operations.runningOn(id);
  const busy = running
    ? { operationId: running.id, startedAt: running.startedAt }
    : world.guards.takeBusy(id, world.clock.now());
  if (!busy) return;
  if (type.toLowerCase() === 'microsoft.containerservice/managedclusters') {
    throw clusterBusy(busy.operationId, busy.startedAt);
  }
  throw anotherOperationInProgress(
    `${world.baseUrl()}${id}/operationStatuses/registries-${busy.operationId}?api-version=${apiVersion}`,
  );
}
