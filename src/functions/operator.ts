import type { Operator } from '../engine/review.ts';
import { parseGuid } from '../settings/formats.ts';

/** The parts of a request that say who sent it. */
export interface SignedRequest {
  readonly headers: { get(name: string): string | null };
  readonly query: Iterable<readonly [name: string, value: string]>;
}

export interface OperatorOptions {
  /**
   * Does the platform's authentication stand before the app? Only while it does are its headers taken from outside requests; without it
   * anybody may send them, so they say nothing.
   */
  readonly isAuthenticationOn: boolean;
  /** Fingerprint of a key → its name. */
  readonly keyNames: Readonly<Record<string, string>>;
  /** Keep names of people. */
  readonly actorNames: boolean;
}

/** Who asks; or why that cannot be said, as the HTTP answer. */
export type OperatorReading =
  | { readonly known: true; readonly operator: Operator }
  | { readonly known: false; readonly status: 400 | 401; readonly code: string; readonly message: string };

interface Claim {
  readonly typ: string;
  readonly val: string;
}

const PRINCIPAL = 'x-ms-client-principal';
/** The platform's name for Microsoft Entra. */
const ENTRA = 'aad';
const OBJECT_ID_CLAIMS = ['http://schemas.microsoft.com/identity/claims/objectidentifier', 'oid'];
/** Claims that only a signed-in person has: delegated scopes and the names of an account, as in the token and as the platform maps them. */
const PERSON_CLAIMS = [
  'scp',
  'http://schemas.microsoft.com/identity/claims/scope',
  'upn',
  'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn',
  'unique_name',
  'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name',
  'preferred_username',
];
const NOBODY = '00000000-0000-0000-0000-000000000000';
const MAX_PRINCIPAL = 32_768;
const MAX_NAME = 256;

const contradictory: OperatorReading = {
  known: false,
  status: 401,
  code: 'identity-unclear',
  message: 'The identity headers of the platform are malformed or contradict each other.',
};

/**
 * A person whom the platform's authentication has verified, else the function key that was sent. Identity headers that do not fit while
 * authentication is on are refused: falling back to the key would let a request choose as whom it is recorded.
 */
export async function readOperator(request: SignedRequest, options: OperatorOptions): Promise<OperatorReading> {
  return (
    (options.isAuthenticationOn ? readPrincipal(request, options) : undefined) ?? (await readKey(request, options))
  );
}

/** Undefined = no identity, or that of another provider than Entra, which has no object id. */
function readPrincipal({ headers }: SignedRequest, { actorNames }: OperatorOptions): OperatorReading | undefined {
  const [principal, id, name, provider] = ['', '-id', '-name', '-idp'].map((end) => headers.get(`${PRINCIPAL}${end}`));
  if ([principal, id, name, provider].every((value) => value === null)) return undefined;
  // Sent twice, a header arrives as `a,b`; names of providers have no comma.
  if (provider === null || provider === undefined || !/^[\w.-]{1,64}$/.test(provider)) return contradictory;
  const claims = parseClaims(principal ?? '', provider);
  if (claims === undefined) return contradictory;
  if (provider !== ENTRA) return undefined;

  const objectIds = new Set(
    claims.filter(({ typ }) => OBJECT_ID_CLAIMS.includes(typ)).map(({ val }) => parseGuid(val)),
  );
  const [objectId] = objectIds;
  if (objectIds.size !== 1 || objectId === undefined || objectId === NOBODY) return contradictory;
  // Other ids than object ids are allowed there, but no list of them.
  if (id?.includes(',') === true || (parseGuid(id ?? '') ?? objectId) !== objectId) return contradictory;

  const shownName = actorNames ? cleanName(name ?? '') : '';
  const operator = { id: objectId, type: typeOf(claims), ...(shownName !== '' && { name: shownName }) };
  return { known: true, operator };
}

/** The claims of the header's JSON; undefined when it is not what the platform sends for this provider. */
function parseClaims(header: string, provider: string): readonly Claim[] | undefined {
  const isBase64 =
    header.length <= MAX_PRINCIPAL && /^(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(header);
  if (!isBase64) return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(header, 'base64')));
  } catch {
    return undefined;
  }
  if (typeof parsed !== 'object' || parsed === null) return undefined;
  const { auth_typ: verifiedBy, claims }: { readonly auth_typ?: unknown; readonly claims?: unknown } = parsed;
  return verifiedBy === provider && Array.isArray(claims) && claims.every(isClaim) ? claims : undefined;
}

function isClaim(value: unknown): value is Claim {
  if (typeof value !== 'object' || value === null) return false;
  const { typ, val }: { readonly typ?: unknown; readonly val?: unknown } = value;
  return typeof typ === 'string' && typeof val === 'string';
}

/**
 * `idtyp` says it, where the app registration asks for that optional claim. Without it, who shows no sign of a person counts as an
 * application: taking one for a person would be worse than the other way round.
 */
function typeOf(claims: readonly Claim[]): 'User' | 'ServicePrincipal' {
  const kind = claims.find(({ typ }) => typ === 'idtyp')?.val;
  const isPerson = kind === undefined ? claims.some(({ typ }) => PERSON_CLAIMS.includes(typ)) : kind === 'user';
  return isPerson ? 'User' : 'ServicePrincipal';
}

function cleanName(name: string): string {
  return name
    .replaceAll(/[\p{Cc}\p{Cf}]/gu, '')
    .trim()
    .slice(0, MAX_NAME);
}

/**
 * The Functions host knows the name of a key but does not tell it to Node, so its fingerprint stands for it. The host checks the header
 * before the query and the first of several values, and hands over all of them as `a,b`: what is behind the comma was never checked.
 */
async function readKey(request: SignedRequest, { keyNames }: OperatorOptions): Promise<OperatorReading> {
  const header = request.headers.get('x-functions-key');
  // The host takes the parameter in any casing.
  const codes = [...request.query].filter(([name]) => name.toLowerCase() === 'code').map(([, value]) => value);
  const keys = header === null ? codes : [header];
  if (keys.length > 1 || keys.some((key) => key.includes(','))) {
    return { known: false, status: 400, code: 'key-ambiguous', message: 'Send one function key, without a comma.' };
  }
  const [key = ''] = keys;
  if (key === '') return { known: true, operator: { id: 'key:none', type: 'Key' } };
  const fingerprint = await fingerprintOf(key);
  const name = Object.hasOwn(keyNames, fingerprint) ? keyNames[fingerprint] : undefined;
  return { known: true, operator: { id: `key:${name ?? fingerprint}`, type: 'Key' } };
}

/** The first 8 hex digits of the SHA-256 of a key: enough to tell keys apart, of no use to anybody who wants the key. */
async function fingerprintOf(key: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(key));
  return Buffer.from(digest).toString('hex').slice(0, 8);
}
