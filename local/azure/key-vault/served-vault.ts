import type { ResourceEvent } from '../events.ts';
import type { Faults } from '../faults.ts';
import type { TokenIssuer } from '../identities.ts';
import { isJsonObject, type Json, type JsonObject } from '../json.ts';
import type { Outcome } from '../pipeline.ts';
import type { ArmRequest, Clock } from '../provider.ts';
import type { TrafficRecorder } from '../request-log.ts';
import type { RawResource, ResourceStore, Tags } from '../resource-store.ts';
import { createServiceListener } from '../service-server.ts';
import type { KeyOptions, KeySeed } from './key-vault-seed.ts';
import type { RotationPolicy } from './rotation-policy.ts';
import { handleVaultRequest, identifyVaultCaller } from './vault-api.ts';
import { VaultContents } from './vault-contents.ts';
import { createVaultEvent } from './vault-events.ts';
import type { VaultPort } from './vault-port.ts';

/** What a test may know of a key. A snapshot: it does not change later. */
export interface SimulatedKey {
  readonly name: string;
  /** Identifier of the current version: `{url}/keys/{name}/{version}`. */
  readonly kid: string;
  readonly version: string;
  /** All versions, oldest first. */
  readonly versions: readonly string[];
  readonly kty: string;
  readonly enabled: boolean;
  readonly created: Date;
  readonly exp: Date | undefined;
  readonly tags: Tags;
  /** Undefined while nobody has set one. */
  readonly rotationPolicy: RotationPolicy | undefined;
}

/** What a test may know of a secret: its current version, with the value. */
export interface SimulatedSecret {
  readonly name: string;
  readonly version: string;
  /** All versions, oldest first. */
  readonly versions: readonly string[];
  readonly value: string;
  readonly contentType: string | undefined;
  readonly enabled: boolean;
  readonly exp: Date | undefined;
  readonly tags: Tags;
}

/** The data plane of one vault, on a port of its own. Everything happens at the simulator's clock. */
export interface SimulatedVault {
  /** ARM id as stored. */
  readonly vaultId: string;
  /** `https://localhost:{port}`: for clients; `vaultUri` is the same with a slash. */
  readonly url: string;
  /** Creates a key, or a new version of one, and tells so as if somebody had called the vault. Throws what the vault would refuse. */
  createKey(name: string, options?: KeyOptions): SimulatedKey;
  /** Undefined for an unknown name. */
  key(name: string): SimulatedKey | undefined;
  secret(name: string): SimulatedSecret | undefined;
  /** Changes the current version of a key, as if somebody had called the vault: no event tells of it. */
  updateKey(name: string, change: Pick<KeyOptions, 'enabled' | 'exp' | 'nbf' | 'tags'>): SimulatedKey;
  /**
   * Raises NearExpiry and Expired for the current version of every key and secret that is due and was not told yet, but of no version of the seed.
   * Default: now.
   */
  announceExpiry(now?: Date): void;
}

/** What every vault shares. */
export interface VaultSurroundings {
  readonly store: ResourceStore;
  readonly clock: Clock;
  readonly issuer: TokenIssuer;
  readonly faults: Faults;
  readonly recorder: TrafficRecorder | undefined;
  /** Told about every request; the path names the vault. */
  readonly log: (request: ArmRequest, outcome: Outcome) => void;
  readonly publish: (event: ResourceEvent) => void;
}

const DAY = 86_400;

/** A vault of ARM together with its data plane. */
export class ServedVault implements SimulatedVault {
  readonly vaultId: string;
  readonly url: string;
  readonly contents: VaultContents;
  readonly #surroundings: VaultSurroundings;

  /** Answers on the port from now on. */
  constructor(vaultId: string, port: VaultPort, surroundings: VaultSurroundings) {
    const { clock, faults, issuer, publish, store } = surroundings;
    this.vaultId = vaultId;
    this.url = port.url;
    this.#surroundings = surroundings;
    this.contents = new VaultContents({
      vaultId,
      store,
      clock,
      url: port.url,
      announce: (happening) => publish(createVaultEvent(happening)),
    });
    const context = { contents: this.contents, issuer };
    const listener = createServiceListener({
      faults,
      handle: (request) => handleVaultRequest(context, request),
      nameCaller: (request) => identifyVaultCaller(context, request)?.identity.name,
      log: (request, outcome) => this.#log(request, outcome),
    });
    port.attach((request, response) => {
      // The name of a deleted vault leads nowhere.
      if (store.find(vaultId) === undefined) response.destroy();
      else listener(request, response);
    });
  }

  createKey(name: string, options: KeyOptions = {}): SimulatedKey {
    this.contents.createKey(name, toBody(options));
    return this.#finishKey(name, options);
  }

  updateKey(name: string, change: KeyOptions): SimulatedKey {
    this.contents.updateKey(name, undefined, toBody(change));
    return this.#finishKey(name, {});
  }

  /** Puts a key there that has been there before. */
  seedKey({ ageDays = 0, expiresInDays, name, ...options }: KeySeed): void {
    const { now } = this.contents;
    const exp = expiresInDays === undefined ? {} : { exp: new Date((now + expiresInDays * DAY) * 1000) };
    const created = now - ageDays * DAY;
    this.contents.createKey(name, toBody({ ...exp, ...options }), { created, isQuiet: true });
    this.#finishKey(name, options);
  }

  key(name: string): SimulatedKey | undefined {
    const found = this.contents.keys.find(name);
    const current = found?.versions.at(-1);
    if (found === undefined || current === undefined) return undefined;
    const { created, enabled, exp, material, tags, version } = current;
    return {
      name: found.name,
      kid: `${this.url}/keys/${found.name}/${version}`,
      version,
      versions: found.versions.map((each) => each.version),
      kty: material.kind.kty,
      enabled,
      created: new Date(created * 1000),
      exp: toDate(exp),
      tags,
      rotationPolicy: this.contents.policyOf(name),
    };
  }

  secret(name: string): SimulatedSecret | undefined {
    const found = this.contents.secrets.find(name);
    const current = found?.versions.at(-1);
    if (found === undefined || current === undefined) return undefined;
    const { contentType, enabled, exp, tags, value, version } = current;
    const versions = found.versions.map((each) => each.version);
    return { name: found.name, version, versions, value, contentType, enabled, exp: toDate(exp), tags };
  }

  announceExpiry(now = this.#surroundings.clock.now()): void {
    this.contents.announceExpiry(now);
  }

  #finishKey(name: string, { rotationPolicy }: KeyOptions): SimulatedKey {
    if (rotationPolicy !== undefined) this.contents.setPolicy(name, rotationPolicy);
    const key = this.key(name);
    if (key === undefined) throw new Error(`the key ${name} was not created`);
    return key;
  }

  #log(request: ArmRequest, outcome: Outcome): void {
    const { log, recorder, store } = this.#surroundings;
    const name = store.find(this.vaultId)?.name ?? '';
    const query = request.query.toString();
    const isSecret = request.path.startsWith('/secrets');
    const given = typeof request.body === 'string' ? (parseJson(request.body) ?? request.body) : request.body;
    const [body, answer] = [given, outcome.reply.body].map((each) => (isSecret ? hideValue(each) : each));
    log({ ...request, body, path: `/keyvault/${name}${request.path}` }, outcome);
    const { headers = {}, status } = outcome.reply;
    if (status === 0) return;
    recorder?.write({
      request: {
        method: request.method,
        url: query === '' ? request.path : `${request.path}?${query}`,
        headers: request.headers,
        body,
      },
      response: { statusCode: status, headers, body: answer },
    });
  }
}

/** The value of a secret goes into no log. A body that cannot be read might hold one. */
function hideValue(body: Json | undefined): Json | undefined {
  if (body === undefined) return undefined;
  if (!isJsonObject(body)) return 'removed';
  return typeof body['value'] === 'string' ? { ...body, value: 'removed' } : body;
}

function parseJson(text: string): Json | undefined {
  try {
    const value: Json = JSON.parse(text);
    return value;
  } catch {
    return undefined;
  }
}

function toBody({ crv, enabled, exp, keyOps, keySize, kty = 'RSA', nbf, tags }: KeyOptions): JsonObject {
  return {
    kty,
    key_size: keySize,
    crv,
    key_ops: keyOps,
    attributes: { enabled, exp: toSeconds(exp), nbf: toSeconds(nbf) },
    tags,
  };
}

function toSeconds(date: Date | undefined): number | undefined {
  return date === undefined ? undefined : Math.floor(date.getTime() / 1000);
}

function toDate(seconds: number | undefined): Date | undefined {
  return seconds === undefined ? undefined : new Date(seconds * 1000);
}

/** Type of the vaults that are served. */
export function isVault({ type }: RawResource): boolean {
  return type.toLowerCase() === 'microsoft.keyvault/vaults';
}
