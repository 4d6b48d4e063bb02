import { ArmError, methodNotAllowed } from '../errors.ts';
import type { Caller, TokenIssuer } from '../identities.ts';
import { isJsonObject, type Json, type JsonObject } from '../json.ts';
import type { Outcome } from '../pipeline.ts';
import type { ArmRequest, Reply } from '../provider.ts';
import { checkAccess, checkFirewall } from './vault-access.ts';
import type { VaultContents } from './vault-contents.ts';
import { badParameter, unauthorized } from './vault-errors.ts';
import { ROUTES, type VaultRoute } from './vault-routes.ts';

/** Audience of tokens for every vault. */
export const VAULT_AUDIENCE = 'https://vault.azure.net';
/** https://learn.microsoft.com/rest/api/keyvault/ */
const API_VERSIONS = ['2026-04-01', '2025-07-01', '7.6', '7.5', '7.4', '7.3'];
const MAX_PAGE = 25;

/** What a vault's data plane needs to know to answer. */
export interface VaultContext {
  readonly contents: VaultContents;
  readonly issuer: TokenIssuer;
}

interface Addressed {
  readonly route: VaultRoute;
  readonly name: string;
  readonly version: string;
}

/** The caller of a request; undefined = 401. */
export function identifyVaultCaller({ issuer }: VaultContext, { headers }: ArmRequest): Caller | undefined {
  return issuer.identify(headers['authorization'], VAULT_AUDIENCE);
}

/** Answers one request as the data plane of a vault: token, api-version, operation, firewall, access, body. */
export function handleVaultRequest(context: VaultContext, request: ArmRequest): Outcome {
  const caller = identifyVaultCaller(context, request);
  let action: string | undefined;
  const finish = (reply: Reply): Outcome => ({
    reply: { ...reply, headers: { ...headersOf(context, request), ...reply.headers } },
    action,
    caller,
    events: [],
  });
  try {
    if (caller === undefined) throw refuseToken(context, request);
    const apiVersion = checkApiVersion(request);
    const { name, route, version } = findOperation(request);
    action = route.dataAction;
    const { contents } = context;
    const object = name === '' ? '' : `${route.permission[0]}/${name}`;
    const refusal = checkFirewall(contents.vault, caller) ?? checkAccess(contents.vault, caller, route, object);
    if (refusal !== undefined) throw refusal;
    const body = readBody(request, route);
    const page = toPage(context, request, apiVersion);
    return finish({ status: 200, body: route.answer({ contents, name, version, body, page }) });
  } catch (error) {
    if (!(error instanceof ArmError)) throw error;
    return finish({ status: error.status, body: error.body, headers: error.headers });
  }
}

/** What is wrong with a token is told in words of ours: Azure documents the missing one only. */
function refuseToken({ issuer }: VaultContext, { headers }: ArmRequest): ArmError {
  const message =
    headers['authorization'] === undefined
      ? 'AKV10000: Request is missing a Bearer or PoP token.'
      : `The token is not valid, has expired, or was not issued for ${VAULT_AUDIENCE}.`;
  return unauthorized(issuer.tenantId, VAULT_AUDIENCE, message);
}

function checkApiVersion({ query }: ArmRequest): string {
  const apiVersion = query.get('api-version');
  if (apiVersion === null || apiVersion === '') throw badParameter('The query parameter api-version is required.');
  if (API_VERSIONS.includes(apiVersion)) return apiVersion;
  throw badParameter(
    `The specified version (${apiVersion}) is not recognized. Consider using the latest supported version (${API_VERSIONS[0] ?? ''}).`,
  );
}

function findOperation({ method, path }: ArmRequest): Addressed {
  const fitting = ROUTES.filter((route) => route.path.test(path));
  const route = fitting.find((candidate) => candidate.method === method);
  if (route === undefined) {
    throw fitting.length === 0
      ? new ArmError(404, 'NotFound', 'There is nothing at this path.')
      : methodNotAllowed(method);
  }
  const { name = '', version = '' } = route.path.exec(path)?.groups ?? {};
  return { route, name: decode(name), version };
}

/** A name that cannot be decoded is a name that nobody has. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function readBody({ body }: ArmRequest, { hasBody = false }: VaultRoute): JsonObject {
  if (!hasBody) return {};
  const parsed = parseJson(body);
  if (isJsonObject(parsed)) return parsed;
  throw badParameter('The request body must be a JSON object.');
}

function parseJson(text: Json | undefined): Json | undefined {
  try {
    const value: Json = JSON.parse(typeof text === 'string' ? text : '');
    return value;
  } catch {
    return undefined;
  }
}

/** Pages hold at most 25 entries. https://learn.microsoft.com/rest/api/keyvault/keys/get-keys/get-keys */
function toPage(
  { contents }: VaultContext,
  { path, query }: ArmRequest,
  apiVersion: string,
): (entries: readonly JsonObject[]) => JsonObject {
  return (entries) => {
    const size = Number(query.get('maxresults') ?? MAX_PAGE);
    if (!Number.isInteger(size) || size < 1 || size > MAX_PAGE) {
      throw badParameter(`'maxresults' must be a whole number from 1 to ${MAX_PAGE}.`);
    }
    const start = Number(query.get('$skiptoken') ?? 0);
    if (!Number.isInteger(start) || start < 0) throw badParameter("The '$skiptoken' is not valid.");
    const end = start + size;
    const next = new URLSearchParams({ 'api-version': apiVersion, $skiptoken: String(end), maxresults: String(size) });
    const nextLink = end < entries.length ? `${contents.url}${path}?${next.toString()}` : null;
    return { value: entries.slice(start, end), nextLink };
  };
}

function headersOf({ contents }: VaultContext, { headers, requestId }: ArmRequest): Record<string, string> {
  const clientId = headers['x-ms-client-request-id'];
  return {
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'no-cache',
    'x-ms-request-id': requestId,
    'x-ms-keyvault-region': contents.vault.location ?? '',
    'x-ms-keyvault-service-version': '1.9.2451.1',
    'x-ms-keyvault-network-info': 'conn_type=Ipv4;addr=127.0.0.1;act_addr_fam=InterNetwork;',
    ...(clientId !== undefined && { 'x-ms-client-request-id': clientId }),
  };
}
