import type { Defender } from './defender.ts';
import type { Guards } from './guards.ts';
import type { Caller, RoleAssignment, TokenIssuer } from './identities.ts';
import type { Json } from './json.ts';
import type { KeyVaults } from './key-vault/key-vaults.ts';
import type { KubernetesClusters } from './kubernetes/kubernetes-clusters.ts';
import type { Limits } from './limits.ts';
import type { Operations } from './operations.ts';
import type { ResourcePath } from './resource-path.ts';
import type { ResourceStore } from './resource-store.ts';
import type { ScheduledEvents } from './scheduled-events.ts';

/** Where the time of the simulated Azure comes from. */
export interface Clock {
  now(): Date;
}

/** A request to ARM, from the wire or made in-process. */
export interface ArmRequest {
  readonly method: string;
  /** Path in the caller's spelling, without query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body?: Json | undefined;
  readonly requestId: string;
  readonly correlationId: string;
  /** A fault asks for the state before the last write. */
  readonly stale?: boolean;
}

/** An ARM answer. */
export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Absent = no body. */
  readonly body?: Json | undefined;
  /** Id (stored spelling) of the resource whose event this call raises now; absent = none, or only when the operation completes. */
  readonly raises?: string;
  /** The call created the resource: its event then carries no `httpRequest`. */
  readonly created?: boolean;
}

/** Everything the handlers work on. */
export interface World {
  readonly clock: Clock;
  readonly store: ResourceStore;
  readonly issuer: TokenIssuer;
  readonly operations: Operations;
  readonly guards: Guards;
  readonly limits: Limits;
  readonly providers: readonly Provider[];
  readonly kubernetes: KubernetesClusters;
  readonly keyVaults: KeyVaults;
  readonly scheduledEvents: ScheduledEvents;
  readonly defender: Defender;
  /** `https://localhost:{port}`: for poll URLs and next links. */
  readonly baseUrl: () => string;
  /** Entries per page of a list. */
  pageSize: number;
}

/** One authenticated and authorised request on its way through a handler. */
export interface Call {
  readonly request: ArmRequest;
  readonly target: ResourcePath;
  readonly definition: ResourceTypeDefinition;
  readonly apiVersion: string;
  readonly caller: Caller;
  /** The RBAC action that was needed, spelt as the provider declares it. */
  readonly action: string;
  /** The assignment that allowed it; absent for calls open to everybody. */
  readonly grant: RoleAssignment | undefined;
  /** Id of the resource addressed: the path, without the verb of a POST. */
  readonly id: string;
  readonly world: World;
  /** Raises this call's success event for a resource; used by operations that complete later. */
  readonly raise: (resourceId: string, isCreated?: boolean) => void;
}

export type Handler = (call: Call) => Reply;

/** One resource type of a provider and what can be done with it. Missing handlers answer 405. */
export interface ResourceTypeDefinition {
  /** In Azure's spelling, e.g. `Microsoft.ContainerRegistry/registries`. */
  readonly type: string;
  /** Accepted api-versions; the first is what in-process callers use when they name none. */
  readonly apiVersions: readonly string[];
  /** `rbac` (default), `caller` = any authenticated caller, `public` = no token, no api-version. */
  readonly access?: 'rbac' | 'caller' | 'public';
  readonly get?: Handler;
  /** GET on the collection. */
  readonly list?: Handler;
  readonly put?: Handler;
  readonly patch?: Handler;
  readonly delete?: Handler;
  /** Overrides the RBAC action derived from method and path. */
  readonly action?: string;
  /** POST verbs in Azure's spelling. */
  readonly actions?: Readonly<Record<string, Handler>>;
  /** RBAC actions of verbs, where they do not follow from the verb. */
  readonly verbActions?: Readonly<Record<string, string>>;
}

/** One resource provider: registered by one line in `provider-catalogue.ts`. */
export interface Provider {
  readonly namespace: string;
  readonly types: readonly ResourceTypeDefinition[];
}
