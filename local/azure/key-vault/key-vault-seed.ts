import type { JsonObject } from '../json.ts';
import type { Tags } from '../resource-store.ts';
import type { CurveName, KeyType } from './key-material.ts';

/** How a key is made; what is absent is as Azure makes it. */
export interface KeyOptions {
  /** Default RSA; the types of a hardware module need a premium vault. */
  readonly kty?: KeyType;
  /** Bits of an RSA key: 2048 (default), 3072 or 4096. */
  readonly keySize?: number;
  /** Of an EC key; default P-256. */
  readonly crv?: CurveName;
  readonly keyOps?: readonly string[];
  /** Default true. */
  readonly enabled?: boolean;
  /** Default: it never expires. */
  readonly exp?: Date;
  readonly nbf?: Date;
  readonly tags?: Tags;
  /** As a PUT of the data plane takes it: `{lifetimeActions, attributes: {expiryTime}}`. Absent = nobody has ever set one. */
  readonly rotationPolicy?: JsonObject;
}

/** A key that is there from the start: of this version nobody is told, nor of its expiry. */
export interface KeySeed extends KeyOptions {
  /** Id of a vault of the seed; one that the seed does not have is passed over. */
  readonly vaultId: string;
  readonly name: string;
  /** Days from the simulator's clock at the start; counts when `exp` is absent. Negative = it has expired already. */
  readonly expiresInDays?: number;
  /** Age in days at the start; default 0. */
  readonly ageDays?: number;
}
