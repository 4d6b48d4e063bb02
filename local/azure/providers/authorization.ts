import { ArmError, invalidContent } from '../errors.ts';
import { requireBody, requireGroup } from '../generic-resource.ts';
import type { Lock } from '../guards.ts';
import { type Json, readString } from '../json.ts';
import { policyTypes } from '../policy/policy-types.ts';
import type { Call, Handler, Provider } from '../provider.ts';
import { isWithin } from '../resource-path.ts';
import { permissions, roleAssignments, roleDefinitions } from './roles.ts';

function viewLock({ level, name, notes, scope }: Lock): Json {
  return {
    id: `${scope}/providers/Microsoft.Authorization/locks/${name}`,
    name,
    type: 'Microsoft.Authorization/locks',
    properties: { level, ...(notes === undefined ? {} : { notes }) },
  };
}

/** Locks that hold at the scope, and those below it. */
const listLocks: Handler = (call) => {
  requireGroup(call);
  const { scope } = call.target;
  const found = call.world.guards.locks.filter((lock) => isWithin(scope, lock.scope) || isWithin(lock.scope, scope));
  return { status: 200, body: { value: found.map(viewLock) } };
};

function findLock({ target, world }: Call): Lock | undefined {
  const name = target.names.at(-1)?.toLowerCase();
  const scope = target.scope.toLowerCase();
  return world.guards.locks.find((lock) => lock.scope.toLowerCase() === scope && lock.name.toLowerCase() === name);
}

const getLock: Handler = (call) => {
  const lock = findLock(call);
  if (lock) return { status: 200, body: viewLock(lock) };
  throw new ArmError(404, 'LockNotFound', `The lock '${call.target.names.at(-1) ?? ''}' could not be found.`);
};

const putLock: Handler = (call) => {
  requireGroup(call);
  const body = requireBody(call);
  const level = readString(body, 'properties.level');
  if (level !== 'CanNotDelete' && level !== 'ReadOnly')
    throw invalidContent("'properties.level' must be CanNotDelete or ReadOnly.");
  const notes = readString(body, 'properties.notes');
  const lock: Lock = {
    scope: call.target.scope,
    name: call.target.names.at(-1) ?? '',
    level,
    ...(notes === undefined ? {} : { notes }),
  };
  const before = findLock(call);
  const { locks } = call.world.guards;
  if (before) locks.splice(locks.indexOf(before), 1);
  locks.push(lock);
  return { status: before ? 200 : 201, body: viewLock(lock), raises: call.id, created: !before };
};

const deleteLock: Handler = (call) => {
  const lock = findLock(call);
  if (!lock) return { status: 204 };
  const { locks } = call.world.guards;
  locks.splice(locks.indexOf(lock), 1);
  return { status: 200, raises: call.id };
};

/** Management locks, roles and who holds them. https://learn.microsoft.com/azure/azure-resource-manager/management/lock-resources */
export const authorization: Provider = {
  namespace: 'Microsoft.Authorization',
  types: [
    {
      type: 'Microsoft.Authorization/locks',
      apiVersions: ['2020-05-01', '2017-04-01', '2016-09-01'],
      get: getLock,
      list: listLocks,
      put: putLock,
      delete: deleteLock,
    },
    roleAssignments,
    roleDefinitions,
    permissions,
    ...policyTypes,
  ],
};
