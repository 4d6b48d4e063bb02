import { type Json, type JsonObject, readString } from '../json.ts';
import type { Clock } from '../provider.ts';
import type { RawResource, ResourceStore } from '../resource-store.ts';
import { type CurveName, type KeyKind, KeyMaterial, type KeyType } from './key-material.ts';
import { addDuration, type RotationPolicy, readRotationPolicy, readWarningSeconds } from './rotation-policy.ts';
import { badParameter, disabled, objectNotFound } from './vault-errors.ts';
import type { VaultHappening } from './vault-events.ts';
import {
  type KeyVersion,
  newVersionId,
  type ObjectVersion,
  readChange,
  type SecretVersion,
  VaultObjects,
} from './vault-objects.ts';

/** What the contents of a vault depend on. */
export interface ContentsOptions {
  readonly vaultId: string;
  /** `https://localhost:{port}`, without a slash at the end. */
  readonly url: string;
  readonly store: ResourceStore;
  readonly clock: Clock;
  /** Told after the change. */
  readonly announce: (happening: VaultHappening) => void;
}

const NAME = /^[0-9a-z-]{1,127}$/i;
const RSA_OPERATIONS = ['encrypt', 'decrypt', 'sign', 'verify', 'wrapKey', 'unwrapKey'];
const EC_OPERATIONS = ['sign', 'verify'];
/** A secret is near its expiry 30 days before. https://learn.microsoft.com/azure/event-grid/event-schema-key-vault */
const SECRET_WARNING_SECONDS = 30 * 86_400;
const MAX_SECRET_CHARACTERS = 25_000;

/** The keys and secrets of one vault, and what becomes of them. Refusals are thrown as the answers of the data plane. */
export class VaultContents {
  readonly keys = new VaultObjects<KeyVersion>();
  readonly secrets = new VaultObjects<SecretVersion>();
  readonly #options: ContentsOptions;
  readonly #policies = new Map<string, RotationPolicy>();
  /** `{version}|{what}`. */
  readonly #announced = new Set<string>();
  /** Versions that are older than any event subscription. */
  readonly #silent = new Set<string>();

  constructor(options: ContentsOptions) {
    this.#options = options;
  }

  /** The vault as ARM knows it. */
  get vault(): RawResource {
    const { store, vaultId } = this.#options;
    const vault = store.find(vaultId);
    if (vault === undefined) throw new Error(`${vaultId} is gone`);
    return vault;
  }

  get url(): string {
    return this.#options.url;
  }

  /** Unix seconds. */
  get now(): number {
    return Math.floor(this.#options.clock.now().getTime() / 1000);
  }

  /** Creates a key, or a version of one that is there, from the body of a POST. `created` in unix seconds; of a quiet one nobody is ever told. */
  createKey(name: string, body: JsonObject, { created = this.now, isQuiet = false } = {}): KeyVersion {
    checkName(name);
    const kind = readKind(body, this.vault);
    const { enabled = true, exp, nbf, tags = {} } = readChange(body);
    const keyOps = readOperations(body) ?? ('crv' in kind ? EC_OPERATIONS : RSA_OPERATIONS);
    const material = new KeyMaterial(kind);
    const version = { version: newVersionId(), enabled, created, updated: created, exp, nbf, tags, keyOps, material };
    this.keys.add(name, version);
    if (isQuiet) this.#silent.add(version.version);
    else this.#tell('Key', name, version, 'NewVersionCreated');
    return version;
  }

  /** A new version of the same kind; it expires when the policy says so. */
  rotateKey(name: string): KeyVersion {
    const before = this.requireKey(name);
    if (!before.enabled) throw disabled('key', 'rotate');
    const created = this.now;
    const expiryTime = this.policyOf(name)?.expiryTime;
    const version = {
      ...before,
      version: newVersionId(),
      material: new KeyMaterial(before.material.kind),
      created,
      updated: created,
      nbf: undefined,
      exp: expiryTime === undefined ? undefined : addDuration(created, expiryTime),
    };
    this.keys.add(name, version);
    this.#tell('Key', name, version, 'NewVersionCreated');
    return version;
  }

  updateKey(name: string, versionId: string | undefined, body: JsonObject): KeyVersion {
    const before = this.requireKey(name, versionId);
    const keyOps = readOperations(body) ?? before.keyOps;
    const changed = { ...before, ...readChange(body), keyOps, updated: this.now };
    this.keys.replace(name, changed);
    // Another date is another expiry.
    if (changed.exp !== before.exp) this.#forget(before.version);
    return changed;
  }

  /** The version, or 404. */
  requireKey(name: string, versionId?: string): KeyVersion {
    const version = this.keys.findVersion(name, versionId);
    if (version === undefined) throw objectNotFound('key', versionId ? `${name}/${versionId}` : name);
    return version;
  }

  requireSecret(name: string, versionId?: string): SecretVersion {
    const version = this.secrets.findVersion(name, versionId);
    if (version === undefined) throw objectNotFound('secret', versionId ? `${name}/${versionId}` : name);
    return version;
  }

  /** Undefined while nobody has set one. */
  policyOf(name: string): RotationPolicy | undefined {
    return this.#policies.get(name.toLowerCase());
  }

  setPolicy(name: string, body: Json | undefined): RotationPolicy {
    this.requireKey(name);
    const policy = readRotationPolicy(body, this.policyOf(name), this.now);
    this.#policies.set(name.toLowerCase(), policy);
    return policy;
  }

  setSecret(name: string, body: JsonObject): SecretVersion {
    checkName(name);
    const { contentType, value } = body;
    if (typeof value !== 'string') throw badParameter("The parameter 'value' must be a string.");
    if (value.length > MAX_SECRET_CHARACTERS) {
      throw badParameter(`The value of a secret has at most ${MAX_SECRET_CHARACTERS} characters.`);
    }
    const { enabled = true, exp, nbf, tags = {} } = readChange(body);
    const created = this.now;
    const type = typeof contentType === 'string' ? contentType : undefined;
    const dates = { created, updated: created, exp, nbf };
    const version = { version: newVersionId(), value, contentType: type, enabled, tags, ...dates };
    this.secrets.add(name, version);
    this.#tell('Secret', name, version, 'NewVersionCreated');
    return version;
  }

  /**
   * Tells, once per current version, what is near its expiry at an instant, and what is past it. Versions that were there before anybody could
   * subscribe raise no events. https://learn.microsoft.com/azure/key-vault/general/event-grid-overview
   */
  announceExpiry(now: Date): void {
    for (const { name, versions } of this.keys.list()) {
      this.#announceOne('Key', name, versions.at(-1), readWarningSeconds(this.policyOf(name)), now);
    }
    for (const { name, versions } of this.secrets.list()) {
      this.#announceOne('Secret', name, versions.at(-1), SECRET_WARNING_SECONDS, now);
    }
  }

  #announceOne(
    type: 'Key' | 'Secret',
    name: string,
    version: ObjectVersion | undefined,
    warningSeconds: number,
    now: Date,
  ): void {
    if (version?.exp === undefined || this.#silent.has(version.version)) return;
    const left = version.exp - now.getTime() / 1000;
    if (left > warningSeconds) return;
    const what = left > 0 ? 'NearExpiry' : 'Expired';
    const mark = `${version.version}|${what}`;
    if (this.#announced.has(mark)) return;
    this.#announced.add(mark);
    this.#tell(type, name, version, what);
  }

  #forget(version: string): void {
    for (const what of ['NearExpiry', 'Expired']) this.#announced.delete(`${version}|${what}`);
  }

  #tell(objectType: 'Key' | 'Secret', name: string, version: ObjectVersion, what: VaultHappening['what']): void {
    const { announce, clock } = this.#options;
    const { id: vaultId, name: vaultName } = this.vault;
    const collection = objectType === 'Key' ? this.keys : this.secrets;
    const objectName = collection.find(name)?.name ?? name;
    const id = `${this.url}/${objectType.toLowerCase()}s/${objectName}/${version.version}`;
    const { exp, nbf } = version;
    const now = clock.now();
    announce({ vaultId, vaultName, objectType, what, id, objectName, version: version.version, exp, nbf, now });
  }
}

function checkName(name: string): void {
  if (!NAME.test(name)) {
    throw badParameter(`The name '${name}' is invalid: 1 to 127 letters, digits and hyphens are allowed.`);
  }
}

function readKind(body: JsonObject, vault: RawResource): KeyKind {
  const { crv, key_size: keySize = 2048, kty } = body;
  if (!isKeyType(kty)) {
    throw badParameter('The key type is not supported: RSA, RSA-HSM, EC and EC-HSM are.');
  }
  if (kty.endsWith('-HSM') && readString(vault, 'properties.sku.name')?.toLowerCase() !== 'premium') {
    throw badParameter(`The key type '${kty}' needs a premium vault.`);
  }
  if (kty === 'RSA' || kty === 'RSA-HSM') {
    if (keySize !== 2048 && keySize !== 3072 && keySize !== 4096) throw badParameter('The key size is not supported.');
    return { kty, keySize };
  }
  const curve = crv ?? 'P-256';
  if (!isCurve(curve)) throw badParameter('The curve is not known, or not simulated.');
  return { kty, crv: curve };
}

function isKeyType(value: Json | undefined): value is KeyType {
  return value === 'RSA' || value === 'RSA-HSM' || value === 'EC' || value === 'EC-HSM';
}

function isCurve(value: Json): value is CurveName {
  return value === 'P-256' || value === 'P-384' || value === 'P-521';
}

function readOperations({ key_ops: operations }: JsonObject): readonly string[] | undefined {
  if (operations === undefined || operations === null) return undefined;
  const isList = Array.isArray(operations) && operations.every((entry: Json) => typeof entry === 'string');
  if (!isList) throw badParameter("'key_ops' must be an array of strings.");
  return operations.map(String);
}
