import * as z from 'zod';

/** Who wrote, as the event tells it. An object id and nothing else identifies a person or an application. */
export interface Actor {
  /** Object id of the user, service principal or managed identity. */
  readonly id?: string;
  readonly type?: 'User' | 'ServicePrincipal' | 'Group';
  /** Client (application) id that the writer used. */
  readonly application?: string;
  /** Display name or user principal name; only with `AUDIT_ACTOR_NAMES=on`. */
  readonly name?: string;
}

/** What an operator wants to be done with a resource, under its lease. */
export type OperatorRequest =
  /** Take back what this run changed. */
  | { readonly action: 'undo'; readonly runId: string }
  /** End the quarantine of this policy's finding. */
  | { readonly action: 'release'; readonly policyId: string };

/**
 * `event`: somebody changed the resource, and Azure says who · `notification`: something about it is to be looked at, which proves no change by
 * anybody (a policy state, a recommendation, the life of a key or a node) · `alert`: Microsoft Defender for Cloud raised an alert about it ·
 * `sweep` · `operator`.
 */
export const causeKinds = ['event', 'notification', 'alert', 'sweep', 'operator'] as const;
export type CauseKind = (typeof causeKinds)[number];

/** Why a resource is looked at. Nothing downstream ever sees the raw event. */
export interface Cause {
  readonly kind: CauseKind;
  /** Unique per cause: the event's id; the key by which duplicates are known. */
  readonly id: string;
  /** When it happened, ISO 8601 in UTC. */
  readonly time: string;
  /**
   * What happened: the operation as the event spells it (`Microsoft.ContainerRegistry/registries/write`), the type of a notification
   * (`Microsoft.KeyVault.KeyNearExpiry`) or of an alert (`ARM_AnomalousOperation.CredentialAccess`).
   */
  readonly operation?: string;
  readonly actor?: Actor;
  /** Joins the Activity Log. */
  readonly correlationId?: string;
  /** The event says that the resource itself was deleted. */
  readonly deleted?: true;
  /** Only with kind `operator`. */
  readonly request?: OperatorRequest;
}

/** The same shapes for what comes back from a queue; fields that are not listed are dropped. */
const Actor = z.object({
  id: z.exactOptional(z.string()),
  type: z.exactOptional(z.enum(['User', 'ServicePrincipal', 'Group'])),
  application: z.exactOptional(z.string()),
  name: z.exactOptional(z.string()),
});

/** A ULID in capital letters, as runs have them. */
export const RUN_ID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

const OperatorRequest = z.discriminatedUnion('action', [
  z.object({ action: z.literal('undo'), runId: z.string().regex(RUN_ID) }),
  z.object({ action: z.literal('release'), policyId: z.string() }),
]);

/** Reads a cause that was stored or queued. */
export const Cause = z.object({
  kind: z.enum(causeKinds),
  id: z.string().min(1),
  time: z.iso.datetime(),
  operation: z.exactOptional(z.string()),
  actor: z.exactOptional(Actor),
  correlationId: z.exactOptional(z.string()),
  deleted: z.exactOptional(z.literal(true)),
  request: z.exactOptional(OperatorRequest),
}) satisfies z.ZodType<Cause>;
