import { BlockList } from 'node:net';
import { findDataGrant } from '../access.ts';
import type { ArmError } from '../errors.ts';
import type { Caller } from '../identities.ts';
import { isJsonObject, type Json, readString } from '../json.ts';
import type { RawResource } from '../resource-store.ts';
import { forbidden } from './vault-errors.ts';

/** What an operation of the data plane needs: a data action, or on vaults without RBAC a permission of an access policy. */
export interface Need {
  readonly dataAction: `Microsoft.KeyVault/vaults/${string}`;
  readonly permission: readonly ['keys' | 'secrets', string];
}

/** Every client of the simulator calls from here. */
const CLIENT_ADDRESS = '127.0.0.1';

/** The 403 of a vault whose firewall keeps the caller out, if it does. */
export function checkFirewall(vault: RawResource, caller: Caller): ArmError | undefined {
  const isPublic = readString(vault, 'properties.publicNetworkAccess')?.toLowerCase() !== 'disabled';
  const isDenied = readString(vault, 'properties.networkAcls.defaultAction')?.toLowerCase() === 'deny';
  if (isPublic && (!isDenied || isListed(vault))) return undefined;
  const text = isPublic
    ? `Client address is not authorized and caller is not a trusted service.\r\nClient address: ${CLIENT_ADDRESS}`
    : 'Public network access is disabled and request is not from a trusted service nor via an approved private link.';
  return forbidden('ForbiddenByFirewall', `${text}\r\nCaller: ${describe(caller)}\r\nVault: ${labelOf(vault)}`);
}

/** The 403 of a caller who may not, if so. `object` is the path below the vault: `keys/name`, or empty for a list. */
export function checkAccess(vault: RawResource, caller: Caller, need: Need, object: string): ArmError | undefined {
  const scope = object === '' ? vault.id : `${vault.id}/${object}`;
  if (vault.properties?.['enableRbacAuthorization'] === true) {
    return findDataGrant(caller.identity, need.dataAction, scope) ? undefined : byRbac(vault, caller, need, scope);
  }
  return hasPermission(vault, caller, need) ? undefined : byPolicy(vault, caller, need);
}

function byRbac(vault: RawResource, caller: Caller, { dataAction }: Need, scope: string): ArmError {
  const lines = [
    'Caller is not authorized to perform action on resource.',
    'If role assignments, deny assignments or role definitions were changed recently, please observe propagation time.',
    `Caller: ${describe(caller)}`,
    `Action: '${dataAction}'`,
    `Resource: '${scope.toLowerCase()}'`,
    'Assignment: (not found)',
    'DenyAssignmentId: null',
    'DecisionReason: null',
    `Vault: ${labelOf(vault)}`,
  ];
  return forbidden('ForbiddenByRbac', lines.join('\r\n'));
}

function byPolicy(vault: RawResource, caller: Caller, { permission: [collection, verb] }: Need): ArmError {
  const text = `The user, group or application '${describe(caller)}' does not have ${collection} ${verb} permission on key vault '${labelOf(vault)}'. For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125287`;
  return forbidden('AccessDenied', text);
}

function hasPermission({ properties }: RawResource, { identity }: Caller, { permission }: Need): boolean {
  const [collection, verb] = permission;
  return toList(properties?.['accessPolicies']).some((policy) => {
    if (readString(policy, 'objectId')?.toLowerCase() !== identity.objectId.toLowerCase()) return false;
    const permissions = isJsonObject(policy) ? policy['permissions'] : undefined;
    const granted = toList(isJsonObject(permissions) ? permissions[collection] : undefined);
    return granted.some((name) => typeof name === 'string' && ['all', verb].includes(name.toLowerCase()));
  });
}

/** The firewall names addresses, or networks in CIDR form. */
function isListed({ properties }: RawResource): boolean {
  const rules = properties?.['networkAcls'];
  const networks = new BlockList();
  for (const rule of toList(isJsonObject(rules) ? rules['ipRules'] : undefined)) {
    const [, address, prefix = '32'] = /^([\d.]+)(?:\/(\d+))?$/.exec(readString(rule, 'value') ?? '') ?? [];
    if (address !== undefined) networks.addSubnet(address, Number(prefix), 'ipv4');
  }
  return networks.check(CLIENT_ADDRESS);
}

function toList(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : [];
}

function describe({ claims, identity }: Caller): string {
  return `appid=${identity.clientId};oid=${identity.objectId};iss=${readString(claims, 'iss') ?? ''}`;
}

function labelOf({ location, name }: RawResource): string {
  return `${name};location=${location ?? ''}`;
}
