import { randomBytes } from 'node:crypto';
import { isJsonObject, type Json, type JsonObject } from '../json.ts';
import type { Tags } from '../resource-store.ts';
import type { KeyMaterial } from './key-material.ts';
import { badParameter } from './vault-errors.ts';

/** What every version of a key or secret has. Times are unix seconds. */
export interface ObjectVersion {
  /** 32 hexadecimal digits. */
  readonly version: string;
  readonly enabled: boolean;
  readonly created: number;
  readonly updated: number;
  /** Absent = never expires. */
  readonly exp?: number | undefined;
  /** Absent = valid from the start. */
  readonly nbf?: number | undefined;
  readonly tags: Tags;
}

export interface KeyVersion extends ObjectVersion {
  readonly material: KeyMaterial;
  readonly keyOps: readonly string[];
}

export interface SecretVersion extends ObjectVersion {
  readonly value: string;
  readonly contentType?: string | undefined;
}

/**
 * https://learn.microsoft.com/azure/key-vault/keys/about-keys-details#key-tags. The page about secrets says 512 characters, and said 256 until
 * 2023: the shorter one is safe for both.
 */
const MAX_TAGS = 15;
const MAX_TAG_CHARACTERS = 256;

interface VaultObject<V> {
  /** In the spelling of whoever created it. */
  readonly name: string;
  /** Oldest first; the last one is current. */
  readonly versions: readonly V[];
}

/** All keys, or all secrets, of a vault. Their names ignore case. */
export class VaultObjects<V extends ObjectVersion> {
  readonly #objects = new Map<string, VaultObject<V>>();

  find(name: string): VaultObject<V> | undefined {
    return this.#objects.get(name.toLowerCase());
  }

  /** A version of an object; without a version (or with an empty one) the current one. */
  findVersion(name: string, version?: string): V | undefined {
    const versions = this.find(name)?.versions;
    return version ? versions?.find((candidate) => candidate.version === version.toLowerCase()) : versions?.at(-1);
  }

  list(): readonly VaultObject<V>[] {
    return [...this.#objects.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  add(name: string, version: V): void {
    const { name: spelling, versions } = this.find(name) ?? { name, versions: [] };
    this.#objects.set(name.toLowerCase(), { name: spelling, versions: [...versions, version] });
  }

  /** Puts a changed version into the place of the one it comes from. */
  replace(name: string, changed: V): void {
    const { name: spelling, versions } = this.find(name) ?? { name, versions: [] };
    const after = versions.map((version) => (version.version === changed.version ? changed : version));
    this.#objects.set(name.toLowerCase(), { name: spelling, versions: after });
  }
}

export function newVersionId(): string {
  return randomBytes(16).toString('hex');
}

/** What a body says about a version; what it does not mention is absent. */
interface Change {
  readonly enabled?: boolean;
  readonly exp?: number;
  readonly nbf?: number;
  readonly tags?: Tags;
}

/** Reads `attributes` and `tags` of a body; throws BadParameter for values of the wrong kind, and for too many or too long tags. */
export function readChange({ attributes, tags }: JsonObject): Change {
  if (!isAbsent(attributes) && !isJsonObject(attributes)) throw badParameter("'attributes' must be an object.");
  const { enabled, exp, nbf } = attributes ?? {};
  if (!isAbsent(enabled) && typeof enabled !== 'boolean') throw badParameter("'enabled' must be a boolean.");
  return {
    ...(!isAbsent(enabled) && { enabled }),
    ...readTime('exp', exp),
    ...readTime('nbf', nbf),
    ...(!isAbsent(tags) && { tags: readTags(tags) }),
  };
}

function readTime(name: 'exp' | 'nbf', value: Json | undefined): { exp?: number; nbf?: number } {
  if (isAbsent(value)) return {};
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0) {
    throw badParameter(`'${name}' must be a whole number of unix seconds.`);
  }
  return { [name]: value };
}

function readTags(tags: Json): Tags {
  if (!isJsonObject(tags)) throw badParameter("'tags' must be an object of strings.");
  const entries = Object.entries(tags).map(([name, value]) => {
    if (typeof value !== 'string') throw badParameter(`the value of the tag '${name}' must be a string.`);
    if (name.length > MAX_TAG_CHARACTERS || value.length > MAX_TAG_CHARACTERS) {
      throw badParameter(`the name and the value of a tag have at most ${MAX_TAG_CHARACTERS} characters.`);
    }
    return [name, value] as const;
  });
  if (entries.length > MAX_TAGS) throw badParameter(`there are at most ${MAX_TAGS} tags.`);
  return Object.fromEntries(entries);
}

function isAbsent(value: Json | undefined): value is null | undefined {
  return value === undefined || value === null;
}
