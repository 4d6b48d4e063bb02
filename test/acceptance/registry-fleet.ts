import { createSampleSubscription, SAMPLE_SUBSCRIPTION_ID, sampleId } from '../../local/azure/sample-subscription.ts';
import type { Seed } from '../../local/azure/simulator.ts';
import type { EngineHarness } from '../support/engine-harness.ts';

/** ARM id of the n-th registry of a fleet. */
export function fleetId(index: number): string {
  return sampleId('contosoacr').replace('contosoacr', fleetName(index));
}

function fleetName(index: number): string {
  return `fleet${String(index).padStart(5, '0')}`;
}

/** The sample subscription with this many registries and nothing else; the first `violating` have their admin user on. */
export function fleetSeed(count: number, violating: number): Seed {
  const seed = createSampleSubscription();
  const [model] = seed.resources;
  if (model === undefined) throw new Error('the sample is empty');
  const resources = Array.from({ length: count }, (_, index) => ({
    ...model,
    id: fleetId(index),
    name: fleetName(index),
    properties: {
      ...model.properties,
      loginServer: `${fleetName(index)}.azurecr.io`,
      adminUserEnabled: index < violating,
    },
  }));
  return { ...seed, resources, locks: [] };
}

/** Somebody switches the admin user of these registries on, each with an event of its own. */
export function breakFleet({ simulator }: EngineHarness, count: number, from = 0): void {
  for (let index = from; index < from + count; index += 1)
    simulator.as('operator').patch(fleetId(index), { properties: { adminUserEnabled: true } });
}

/** How many registries have their admin user on. */
export function openDoors({ simulator }: EngineHarness): number {
  return simulator.state
    .list(`/subscriptions/${SAMPLE_SUBSCRIPTION_ID}`, 'Microsoft.ContainerRegistry/registries')
    .filter(({ properties }) => properties?.['adminUserEnabled'] === true).length;
}

/** Resources that the product changed, with the moments of the changes. */
function changesOf({ simulator }: EngineHarness): readonly { readonly id: string; readonly at: number }[] {
  return simulator.requests
    .filter(({ caller, method, path }) => caller === 'dockwarden' && method !== 'GET' && !/resourcegraph/i.test(path))
    .map(({ path, time }) => ({ id: resourceOf(path), at: time.getTime() }));
}

function resourceOf(path: string): string {
  return path.replace(/(\/registries\/[^/]+|\/managedClusters\/[^/]+)\/.*$/, '$1').toLowerCase();
}

/** The most different resources that were changed within any period of this length. */
export function mostChangedWithin(engine: EngineHarness, windowMs: number): number {
  const changes = changesOf(engine);
  const ends = new Set(changes.map(({ at }) => at));
  const counts = [...ends].map(
    (end) => new Set(changes.filter(({ at }) => at <= end && at > end - windowMs).map(({ id }) => id)).size,
  );
  return Math.max(0, ...counts);
}

/** How many different resources were changed, by the window that they were changed in. */
export function changedByWindow(engine: EngineHarness, windowMs: number, start: Date): readonly number[] {
  const windows: Set<string>[] = [];
  for (const { id, at } of changesOf(engine)) {
    const index = Math.floor((at - start.getTime()) / windowMs);
    (windows[index] ??= new Set()).add(id);
  }
  return Array.from(windows, (ids: Set<string> | undefined) => ids?.size ?? 0);
}

/** Takes in all events and handles all messages that are due, by several workers at once, each an instance of its own. */
export async function workTogether(engine: EngineHarness, workers = 4): Promise<void> {
  await engine.deliverEvents();
  await Promise.all(Array.from({ length: workers }, async () => await engine.drain()));
}

/** The same, from due message to due message, until nothing is left to come within this time. */
export async function workUntilDone(engine: EngineHarness, untilMs: number, workers = 4): Promise<void> {
  const end = engine.clock.now().getTime() + untilMs;
  for (;;) {
    await workTogether(engine, workers);
    const next = engine.queue[0]?.dueAt;
    if (engine.events.length > 0) continue;
    if (next === undefined || next > end) return;
    engine.clock.advance(Math.max(0, next - engine.clock.now().getTime()));
  }
}
