import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { unauthenticated } from './errors.ts';
import { isJsonObject, type JsonObject, readString } from './json.ts';

/** Role of an identity at a scope. `actions` are exact, or patterns in which `*` stands for any text, as in role definitions. */
export interface RoleAssignment {
  readonly scope: string;
  readonly actions: readonly string[];
  /** What `actions` would cover and the role does not allow after all. Default none. */
  readonly notActions?: readonly string[];
  /** What the role allows on the data within; no action ever covers a data action, nor the other way round. Default none. */
  readonly dataActions?: readonly string[];
  readonly roleName: string;
}

/** Somebody who may call the simulated Azure. */
export interface IdentityDefinition {
  /** Short name: part of its identity endpoint and of the request log. */
  readonly name: string;
  readonly objectId: string;
  /** Client (application) id. For a user: the application the user signed in with. */
  readonly clientId: string;
  readonly principalType: 'ServicePrincipal' | 'User';
  readonly upn?: string;
  readonly displayName?: string;
  roleAssignments: readonly RoleAssignment[];
}

/** The well-known client id of the Azure CLI: what a person's token carries as `appid`. */
export const AZURE_CLI_CLIENT_ID = '04b07795-8ddb-461a-bbee-02f9e1bf7b46';

/** Audience of tokens for ARM. */
export const MANAGEMENT = 'https://management.azure.com';
const MANAGEMENT_AUDIENCES = new Set([MANAGEMENT, 'https://management.core.windows.net']);
/** Managed identity tokens live for 24 hours. https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/managed-identities-faq */
const TOKEN_LIFETIME_SECONDS = 24 * 60 * 60;

export interface IssuedToken {
  readonly token: string;
  /** Unix seconds. */
  readonly expiresOn: number;
}

export interface TokenOptions {
  /** Negative gives an expired token. */
  readonly lifetimeSeconds?: number;
}

/** A caller that ARM has authenticated. */
export interface Caller {
  readonly identity: IdentityDefinition;
  /** Claims of the token as issued. */
  readonly claims: JsonObject;
}

/**
 * Issues and checks tokens. They carry real time, not the simulator's clock: the SDKs that hold them and Azurite, which
 * checks them, live in real time.
 */
export class TokenIssuer {
  readonly tenantId: string;
  readonly identities: readonly IdentityDefinition[];
  readonly #key = randomBytes(32);

  constructor(tenantId: string, identities: readonly IdentityDefinition[]) {
    this.tenantId = tenantId;
    this.identities = identities;
  }

  find(name: string): IdentityDefinition {
    const identity = this.identities.find((candidate) => candidate.name === name);
    if (!identity) throw new Error(`no identity named '${name}'`);
    return identity;
  }

  /** Claims of a version 1.0 access token. */
  claims(identity: IdentityDefinition, resource: string, options: TokenOptions = {}): JsonObject {
    const now = Math.floor(Date.now() / 1000);
    const isUser = identity.principalType === 'User';
    const issuer = `https://sts.windows.net/${this.tenantId}/`;
    const person = {
      ipaddr: '127.0.0.1',
      scp: 'user_impersonation',
      amr: ['pwd', 'mfa'],
      acr: '1',
      name: identity.displayName ?? identity.name,
      upn: identity.upn ?? `${identity.name}@contoso.example`,
      unique_name: identity.upn ?? `${identity.name}@contoso.example`,
      puid: createHash('sha256').update(identity.objectId).digest('hex').slice(0, 16).toUpperCase(),
    };
    const application = {
      idtyp: 'app',
      xms_mirid: `/subscriptions/00000000-0000-4000-8000-0000000000ff/resourcegroups/identities/providers/Microsoft.ManagedIdentity/userAssignedIdentities/${identity.name}`,
    };
    return {
      aud: resource,
      iss: issuer,
      iat: now,
      nbf: now,
      exp: now + (options.lifetimeSeconds ?? TOKEN_LIFETIME_SECONDS),
      aio: randomBytes(12).toString('base64url'),
      appid: identity.clientId,
      appidacr: isUser ? '0' : '2',
      idp: issuer,
      oid: identity.objectId,
      sub: identity.objectId,
      tid: this.tenantId,
      uti: randomBytes(12).toString('base64url'),
      ver: '1.0',
      ...(isUser ? person : application),
    };
  }

  issue(identity: IdentityDefinition, resource: string, options: TokenOptions = {}): IssuedToken {
    const claims = this.claims(identity, resource, options);
    const head = Buffer.from(JSON.stringify({ typ: 'JWT', alg: 'HS256' })).toString('base64url');
    const payload = Buffer.from(JSON.stringify(claims)).toString('base64url');
    const token = `${head}.${payload}.${this.#sign(`${head}.${payload}`)}`;
    return { token, expiresOn: Number(claims['exp']) };
  }

  /** Authenticates an ARM request or throws the 401 that ARM answers. */
  authenticate(authorization: string | undefined): Caller {
    if (!authorization) {
      throw unauthenticated(
        this.tenantId,
        'AuthenticationFailed',
        "Authentication failed. The 'Authorization' header is missing.",
        "The authentication failed because of missing 'Authorization' header.",
      );
    }
    const claims = this.#verify(/^Bearer (.+)$/i.exec(authorization)?.[1] ?? '');
    const identity = this.identities.find((candidate) => candidate.objectId === claims?.['oid']);
    if (!claims || !identity) {
      throw this.#rejected('InvalidAuthenticationToken', 'The access token is invalid.');
    }
    const audience = readString(claims, 'aud') ?? '';
    if (!MANAGEMENT_AUDIENCES.has(audience.replace(/\/+$/, ''))) {
      throw this.#rejected(
        'InvalidAuthenticationTokenAudience',
        `The access token has been obtained for wrong audience or resource '${audience}'. It should exactly match with one of the allowed audiences 'https://management.core.windows.net/','https://management.core.windows.net','https://management.azure.com/','https://management.azure.com'.`,
      );
    }
    if (Number(claims['exp']) * 1000 <= Date.now()) {
      throw this.#rejected('ExpiredAuthenticationToken', 'The access token expiry time is in the past.');
    }
    return { identity, claims };
  }

  /** The caller of a service other than ARM; undefined when the token is missing, forged, expired or made for another audience. */
  identify(authorization: string | undefined, audience: string): Caller | undefined {
    const claims = this.#verify(/^Bearer (.+)$/i.exec(authorization ?? '')?.[1] ?? '');
    const identity = this.identities.find((candidate) => candidate.objectId === claims?.['oid']);
    if (!claims || !identity || Number(claims['exp']) * 1000 <= Date.now()) return undefined;
    return readString(claims, 'aud')?.replace(/\/+$/, '') === audience ? { identity, claims } : undefined;
  }

  #rejected(code: string, message: string) {
    return unauthenticated(this.tenantId, code, message, message);
  }

  #verify(token: string): JsonObject | undefined {
    const [head, payload, signature, ...more] = token.split('.');
    if (!head || !payload || !signature || more.length > 0) return undefined;
    const expected = Buffer.from(this.#sign(`${head}.${payload}`));
    const given = Buffer.from(signature);
    if (expected.length !== given.length || !timingSafeEqual(expected, given)) return undefined;
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString());
    return isJsonObject(claims) ? claims : undefined;
  }

  #sign(text: string): string {
    return createHmac('sha256', this.#key).update(text).digest('base64url');
  }
}

/** A GUID that is always the same for the same words: role assignments need stable ids without a table of them. */
export function guidFrom(...words: readonly string[]): string {
  const hex = createHash('sha256').update(words.join('\n')).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
