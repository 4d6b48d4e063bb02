import * as z from 'zod';
import { lenient, lenientObject } from './lenient.ts';
import { Tags } from './tags.ts';

/** `Microsoft.KeyVault/vaults` as ARM returns it (raw names, api-version 2023-07-01); only what is read of it. */
export const KeyVault = z.object({
  id: z.string(),
  name: z.string(),
  tags: Tags,
  properties: lenientObject({
    /** Address of the data plane, for example `https://contoso.vault.azure.net/`. */
    vaultUri: lenient(z.string()),
    provisioningState: lenient(z.string()),
  }),
});
export type KeyVault = z.infer<typeof KeyVault>;

/** One rule of a rotation policy. Azure Resource Manager spells the action in lower case, the data plane does not. */
const LifetimeAction = z.object({
  trigger: lenientObject({
    /** ISO 8601 durations; one of them is there. */
    timeAfterCreate: lenient(z.string()),
    timeBeforeExpiry: lenient(z.string()),
  }),
  action: z.object({ type: z.string() }),
});
const LifetimeActions = z.array(LifetimeAction);

/** Absent (as `{}` here) while nobody has set one: Azure then only notifies 30 days before expiry. */
export const RotationPolicy = lenientObject({
  attributes: lenientObject({
    /** Lifetime of the versions to come, as an ISO 8601 duration; absent = they do not expire. */
    expiryTime: lenient(z.string()),
  }),
  /** `'unreadable'`: there is something, and nobody can tell whether the key rotates by it. */
  lifetimeActions: z
    .unknown()
    .optional()
    .transform((value) => LifetimeActions.safeParse(value ?? []).data ?? ('unreadable' as const)),
});
export type RotationPolicy = z.infer<typeof RotationPolicy>;

/**
 * `Microsoft.KeyVault/vaults/keys` as ARM returns it (raw names, api-version 2023-07-01): the key's current version. Read through Azure Resource
 * Manager, so that a vault whose firewall keeps us out can be judged all the same.
 */
export const VaultKey = z.object({
  id: z.string(),
  name: z.string(),
  tags: Tags,
  properties: lenientObject({
    attributes: lenientObject({
      enabled: lenient(z.boolean()),
      /** Unix seconds; absent = it does not expire; `'unreadable'`: there is something, and nobody can tell when that is. */
      exp: z
        .union([z.number(), z.literal('unreadable')])
        .nullish()
        .catch('unreadable')
        .transform((value) => value ?? undefined),
    }),
    kty: lenient(z.string()),
    keyUri: lenient(z.string()),
    keyUriWithVersion: lenient(z.string()),
    /** Never there: keys are never busy. */
    provisioningState: lenient(z.string()),
    rotationPolicy: RotationPolicy,
  }),
});
export type VaultKey = z.infer<typeof VaultKey>;

/**
 * Rows of the Resource Graph query for users of a key: which key a registry (0), a disk encryption set (1) or a cluster (2) names; what a type does not
 * have is empty. Strict: a row that cannot be read must not count as one that uses no key.
 */
export const KeyUsageRows = z.array(
  z.object({
    id: z.string(),
    keyUri0: z.string(),
    keyUri1: z.string(),
    keyUri2: z.string(),
    /** Of a disk encryption set: it follows to new versions, whichever its key URI names. */
    isFollowing: z.unknown(),
  }),
);
