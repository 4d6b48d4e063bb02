import type { JsonObject } from '../json.ts';
import { viewPolicy } from './rotation-policy.ts';
import type { Need } from './vault-access.ts';
import type { VaultContents } from './vault-contents.ts';
import { badParameter, disabled, forbidden } from './vault-errors.ts';
import type { KeyVersion } from './vault-objects.ts';
import { urlOf, viewKey, viewKeyItem, viewSecret, viewSecretItem } from './vault-views.ts';

/** One request that has passed every check. */
export interface VaultCall {
  readonly contents: VaultContents;
  /** Of the object; empty for a list of all. */
  readonly name: string;
  /** Empty = the current one. */
  readonly version: string;
  /** Empty when the request had none, or none that is an object. */
  readonly body: JsonObject;
  /** The answer with a page of these entries. */
  readonly page: (entries: readonly JsonObject[]) => JsonObject;
}

/** One operation of the data plane. */
export interface VaultRoute extends Need {
  readonly method: 'GET' | 'PUT' | 'POST' | 'PATCH';
  /** Of the path; may name groups `name` and `version`. */
  readonly path: RegExp;
  /** Refused without a JSON object in the body. */
  readonly hasBody?: boolean;
  readonly answer: (call: VaultCall) => JsonObject;
}

type Action = Need['dataAction'];
const keyAction = (verb: string): Action => `Microsoft.KeyVault/vaults/keys/${verb}`;
const secretAction = (verb: string): Action => `Microsoft.KeyVault/vaults/secrets/${verb}/action`;

/** Clients leave the version empty for the current one: `/keys/{name}/`, `/keys/{name}//sign`. */
const ONE = String.raw`(?<name>[^/]+)(?:/(?<version>[^/]*))?/?$`;
const paths = {
  keys: /^\/keys\/?$/,
  key: new RegExp(`^/keys/${ONE}`),
  keyVersions: /^\/keys\/(?<name>[^/]+)\/versions\/?$/,
  policy: /^\/keys\/(?<name>[^/]+)\/rotationpolicy\/?$/,
  rotate: /^\/keys\/(?<name>[^/]+)\/rotate\/?$/,
  create: /^\/keys\/(?<name>[^/]+)\/create\/?$/,
  sign: /^\/keys\/(?<name>[^/]+)\/(?:(?<version>[^/]*)\/)?sign\/?$/,
  verify: /^\/keys\/(?<name>[^/]+)\/(?:(?<version>[^/]*)\/)?verify\/?$/,
  secrets: /^\/secrets\/?$/,
  secret: new RegExp(`^/secrets/${ONE}`),
  secretVersions: /^\/secrets\/(?<name>[^/]+)\/versions\/?$/,
};

/** What a vault can do; the first route that fits path and method answers. https://learn.microsoft.com/rest/api/keyvault/ */
export const ROUTES: readonly VaultRoute[] = [
  { method: 'GET', path: paths.keys, dataAction: keyAction('read'), permission: ['keys', 'list'], answer: listKeys },
  {
    method: 'GET',
    path: paths.keyVersions,
    dataAction: keyAction('read'),
    permission: ['keys', 'list'],
    answer: listKeyVersions,
  },
  {
    method: 'GET',
    path: paths.policy,
    dataAction: keyAction('rotationpolicy/read'),
    permission: ['keys', 'getrotationpolicy'],
    answer: ({ contents, name }) => {
      contents.requireKey(name);
      return viewPolicy(contents.policyOf(name), urlOf(contents, 'keys', name));
    },
  },
  {
    method: 'PUT',
    path: paths.policy,
    dataAction: keyAction('rotationpolicy/write'),
    permission: ['keys', 'setrotationpolicy'],
    hasBody: true,
    answer: ({ body, contents, name }) => viewPolicy(contents.setPolicy(name, body), urlOf(contents, 'keys', name)),
  },
  {
    method: 'POST',
    path: paths.rotate,
    dataAction: keyAction('rotate/action'),
    permission: ['keys', 'rotate'],
    answer: ({ contents, name }) => viewKey(contents, name, contents.rotateKey(name)),
  },
  {
    method: 'POST',
    path: paths.create,
    dataAction: keyAction('create/action'),
    permission: ['keys', 'create'],
    hasBody: true,
    answer: ({ body, contents, name }) => viewKey(contents, name, contents.createKey(name, body)),
  },
  {
    method: 'POST',
    path: paths.sign,
    dataAction: keyAction('sign/action'),
    permission: ['keys', 'sign'],
    hasBody: true,
    answer: sign,
  },
  {
    method: 'POST',
    path: paths.verify,
    dataAction: keyAction('verify/action'),
    permission: ['keys', 'verify'],
    hasBody: true,
    answer: verify,
  },
  {
    method: 'GET',
    path: paths.key,
    dataAction: keyAction('read'),
    permission: ['keys', 'get'],
    answer: ({ contents, name, version }) => viewKey(contents, name, contents.requireKey(name, version)),
  },
  {
    method: 'PATCH',
    path: paths.key,
    dataAction: keyAction('update/action'),
    permission: ['keys', 'update'],
    hasBody: true,
    answer: ({ body, contents, name, version }) => viewKey(contents, name, contents.updateKey(name, version, body)),
  },
  {
    method: 'GET',
    path: paths.secrets,
    dataAction: secretAction('readMetadata'),
    permission: ['secrets', 'list'],
    answer: listSecrets,
  },
  {
    method: 'GET',
    path: paths.secretVersions,
    dataAction: secretAction('readMetadata'),
    permission: ['secrets', 'list'],
    answer: listSecretVersions,
  },
  {
    method: 'GET',
    path: paths.secret,
    dataAction: secretAction('getSecret'),
    permission: ['secrets', 'get'],
    answer: getSecret,
  },
  {
    method: 'PUT',
    path: /^\/secrets\/(?<name>[^/]+)\/?$/,
    dataAction: secretAction('setSecret'),
    permission: ['secrets', 'set'],
    hasBody: true,
    answer: ({ body, contents, name }) => viewSecret(contents, name, contents.setSecret(name, body)),
  },
];

function listKeys({ contents, page }: VaultCall): JsonObject {
  return page(
    contents.keys.list().flatMap(({ name, versions }) => {
      const current = versions.at(-1);
      return current === undefined ? [] : [viewKeyItem(contents, name, current, false)];
    }),
  );
}

function listKeyVersions({ contents, name, page }: VaultCall): JsonObject {
  const versions = contents.keys.find(name)?.versions ?? [];
  return page(byId(versions).map((version) => viewKeyItem(contents, name, version, true)));
}

function listSecrets({ contents, page }: VaultCall): JsonObject {
  return page(
    contents.secrets.list().flatMap(({ name, versions }) => {
      const current = versions.at(-1);
      return current === undefined ? [] : [viewSecretItem(contents, name, current, false)];
    }),
  );
}

function listSecretVersions({ contents, name, page }: VaultCall): JsonObject {
  const versions = contents.secrets.find(name)?.versions ?? [];
  return page(byId(versions).map((version) => viewSecretItem(contents, name, version, true)));
}

/** Versions come in the order of their ids, not of their ages: whoever wants the newest must compare. */
function byId<V extends { readonly version: string }>(versions: readonly V[]): readonly V[] {
  return versions.toSorted((a, b) => (a.version < b.version ? -1 : 1));
}

function getSecret({ contents, name, version }: VaultCall): JsonObject {
  const secret = contents.requireSecret(name, version);
  if (!secret.enabled) throw disabled('secret', 'get');
  return viewSecret(contents, name, secret);
}

function sign({ body, contents, name, version }: VaultCall): JsonObject {
  const key = requireUsable(contents, name, version, 'sign');
  const { exp, nbf } = key;
  const isInTime = (nbf ?? 0) <= contents.now && contents.now < (exp ?? Number.POSITIVE_INFINITY);
  // Verifying stays allowed outside of these dates.
  if (!isInTime) throw forbidden('KeyNotYetValidOrExpired', 'Operation sign is not allowed outside of nbf and exp.');
  const signature = key.material.sign(readText(body, 'alg'), readBytes(body, 'value'));
  return { kid: `${urlOf(contents, 'keys', name)}/${key.version}`, value: signature.toString('base64url') };
}

function verify({ body, contents, name, version }: VaultCall): JsonObject {
  const { material } = requireUsable(contents, name, version, 'verify');
  return { value: material.verify(readText(body, 'alg'), readBytes(body, 'digest'), readBytes(body, 'value')) };
}

function requireUsable(contents: VaultContents, name: string, version: string, operation: string): KeyVersion {
  const key = contents.requireKey(name, version);
  if (!key.enabled) throw disabled('key', operation);
  if (key.keyOps.includes(operation)) return key;
  throw forbidden('KeyOperationForbidden', `Operation ${operation} is not permitted on this key.`);
}

function readText(body: JsonObject, name: string): string {
  const value = body[name];
  if (typeof value !== 'string' || value === '') throw badParameter(`Property '${name}' is required.`);
  return value;
}

function readBytes(body: JsonObject, name: string): Buffer {
  const text = readText(body, name);
  if (!/^[\w-]+$/.test(text)) throw badParameter(`Property '${name}' must be base64url.`);
  return Buffer.from(text, 'base64url');
}
