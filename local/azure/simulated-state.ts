import { randomUUID } from 'node:crypto';
import { findGrant } from './access.ts';
import { createResourceEvent, type ResourceEvent } from './events.ts';
import { MANAGEMENT } from './identities.ts';
import { type JsonObject, mergePatch } from './json.ts';
import type { World } from './provider.ts';
import type { RawResource } from './resource-store.ts';

/** Direct access to what is stored: no token, RBAC, lock or quota. Everything is copied on its way in and out. */
export interface SimulatedState {
  get(id: string): RawResource | undefined;
  /** All resources below a scope ('' = everything), optionally of one type; also groups and subscriptions. */
  list(scope?: string, type?: string): RawResource[];
  /** Stores a resource. With `by` (identity name) the write event of that identity is raised, without it nobody is told. */
  put(resource: RawResource, options?: { by?: string }): void;
  /** JSON merge patch of the whole body, tags included: null removes. Throws when there is no such resource. */
  patch(id: string, change: JsonObject, options?: { by?: string }): void;
  remove(id: string, options?: { by?: string }): void;
  /** Refuses writes to a resource with 409, until an instant of the simulator's clock or this many times. */
  setBusy(id: string, how: { until: Date } | { times: number }): void;
  clearBusy(id: string): void;
  /** The admin passwords of a registry, once somebody has listed or regenerated them. */
  passwordsOf(registryId: string): JsonObject | undefined;
  /** The application settings of a function app, which no GET shows. */
  setAppSettings(siteId: string, settings: Readonly<Record<string, string>>): void;
}

/** Opens what is stored to tests; `publish` hears of writes that name somebody. */
export function createState(world: World, publish: (event: ResourceEvent) => void): SimulatedState {
  const { guards, issuer, store } = world;
  function announce(method: 'PUT' | 'DELETE', resource: RawResource, by: string | undefined): void {
    if (by === undefined) return;
    const identity = issuer.find(by);
    const action = `${resource.type}/${method === 'PUT' ? 'write' : 'delete'}`;
    const requestId = randomUUID();
    publish(
      createResourceEvent({
        method,
        action,
        resourceId: resource.id,
        caller: { identity, claims: issuer.claims(identity, MANAGEMENT) },
        grant: findGrant(identity, action, resource.id),
        subscriptionId: resource.id.split('/')[2] ?? '',
        tenantId: issuer.tenantId,
        correlationId: randomUUID(),
        now: world.clock.now(),
        httpRequest: { clientRequestId: requestId, url: `${MANAGEMENT}${resource.id}` },
      }),
    );
  }
  return {
    get: (id) => structuredClone(store.find(id)),
    list: (scope = '', type) => structuredClone([...store.list(scope, type)]),
    put(resource, { by } = {}) {
      announce('PUT', store.write(structuredClone(resource)), by);
    },
    patch(id, change, { by } = {}) {
      const resource = store.find(id);
      if (!resource) throw new Error(`no resource ${id}`);
      const { name, type } = resource;
      const merged = mergePatch(resource, structuredClone(change));
      announce('PUT', store.write({ ...merged, id: resource.id, name, type }), by);
    },
    remove(id, { by } = {}) {
      const resource = store.find(id);
      if (resource && store.remove(id)) announce('DELETE', resource, by);
    },
    setBusy: (id, how) => guards.setBusy(id, how, randomUUID(), world.clock.now()),
    clearBusy: (id) => guards.clearBusy(id),
    passwordsOf: (id) => structuredClone(store.secretsOf(id)),
    setAppSettings: (id, settings) => store.keepSecrets(id, { ...settings }),
  };
}
