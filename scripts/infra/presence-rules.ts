import { isDeepStrictEqual } from 'node:util';
import type { Json } from '../../local/azure/json.ts';
import type { RolePermissions } from '../../src/doctor/roles.ts';
import { type Judgement, ofType, type Resource, readPath, textAt } from './resources.ts';
import { listAssignments, listDefinitions } from './role-assignments.ts';
import { readAppSettings } from './setting-rules.ts';

const RECORDS_SUFFIX = '-records';

/** What is written for the record cannot be rewritten or removed: seals within their period, and the records with their group. */
export function judgeRecords(predicted: readonly Resource[]): Judgement {
  const accounts = ofType(predicted, 'Microsoft.Storage/storageAccounts');
  const policies = ofType(predicted, 'Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies');
  const locks = ofType(predicted, 'Microsoft.Authorization/locks');
  const seals = policies.filter(
    ({ id, body }) =>
      /\/containers\/seals\//i.test(id) &&
      Number(readPath(body, 'properties.immutabilityPeriodSinceCreationInDays')) >= 1,
  );
  const forgetting = ofType(predicted, 'Microsoft.Storage/storageAccounts/managementPolicies').flatMap(
    ({ body, where }) => findForgetting(readPath(body, 'properties.policy.rules'), where),
  );
  const unlocked = accounts.filter(({ id }) => !locks.some((lock) => isLocking(lock, id)));
  return {
    seen: accounts.length + policies.length + locks.length,
    problems: [
      ...(seals.length === 1 ? [] : [`${seals.length} immutability policies on container seals instead of one`]),
      ...(accounts.length === 1 ? [] : [`${accounts.length} storage accounts instead of one`]),
      ...forgetting,
      ...unlocked.map(({ where }) => `${where}: can be deleted, no lock holds it`),
    ],
  };
}

/** Containers whose blobs Azure may remove by age: messages that nobody could handle. */
const FORGOTTEN = ['poison/', 'dead-letter/'];

function findForgetting(rules: Json | undefined, where: string): readonly string[] {
  if (!Array.isArray(rules)) return [`${where}: its rules are no list`];
  return rules.flatMap((rule) => {
    const prefixes = readPath(rule, 'definition.filters.prefixMatch');
    const isRight =
      Array.isArray(prefixes) &&
      prefixes.length > 0 &&
      prefixes.every((each) => FORGOTTEN.some((name) => name === each));
    return isRight ? [] : [`${where}: removes by age what is not a kept message: ${JSON.stringify(prefixes)}`];
  });
}

/** Writing a resource group replaces its tags, so only the two of the environment itself are written, whatever others are used. */
export function judgeGroups(predicted: readonly Resource[]): Judgement {
  const groups = ofType(predicted, 'Microsoft.Resources/resourceGroups').map(({ id, where }) => ({
    where,
    name: id.slice(id.lastIndexOf('/') + 1),
  }));
  const records = groups.filter(({ name }) => name.endsWith(RECORDS_SUFFIX));
  const own = records.flatMap(({ name }) => [name, name.slice(0, -RECORDS_SUFFIX.length)]);
  const foreign = groups.filter(({ name }) => !own.includes(name));
  return {
    seen: groups.length,
    problems: [
      ...(records.length === 1 ? [] : [`${records.length} resource groups for records instead of one`]),
      ...foreign.map(({ where }) => `${where}: is written, and may be somebody else's`),
    ],
  };
}

/** A lock holds for what it is on, and for everything below. */
function isLocking({ id, body }: Resource, account: string): boolean {
  const at = id.slice(0, id.toLowerCase().lastIndexOf('/providers/microsoft.authorization/locks/')).toLowerCase();
  const level = readPath(body, 'properties.level');
  const isBelow = account.toLowerCase() === at || account.toLowerCase().startsWith(`${at}/`);
  return at !== '' && isBelow && (level === 'CanNotDelete' || level === 'ReadOnly');
}

/** What is done to the app's own storage is logged, service by service, in a workspace. */
export function judgeDiagnostics(predicted: readonly Resource[]): Judgement {
  const settings = ofType(predicted, 'Microsoft.Insights/diagnosticSettings').filter(
    ({ body }) => typeof readPath(body, 'properties.workspaceId') === 'string',
  );
  const problems = ['blobServices', 'queueServices', 'tableServices'].flatMap((service) => {
    const of = settings.filter(({ id }) => id.toLowerCase().includes(`/${service.toLowerCase()}/default/`));
    const missing = ['StorageWrite', 'StorageDelete'].filter(
      (category) => !of.some(({ body }) => isLogged(body, category)),
    );
    return missing.map((category) => `${category} of ${service} is not logged`);
  });
  return { seen: settings.length, problems };
}

function isLogged(body: Resource['body'], category: string): boolean {
  const logs = readPath(body, 'properties.logs');
  return (Array.isArray(logs) ? logs : []).some(
    (log) =>
      readPath(log, 'enabled') === true &&
      (readPath(log, 'category') === category || ['allLogs', 'audit'].includes(textAt(log, 'categoryGroup'))),
  );
}

/** Storage holds what the code uses by name: a queue that is missing is a trigger that never fires, and the app makes no table itself. */
export function judgeStorage(
  predicted: readonly Resource[],
  wanted: Readonly<Record<'queues' | 'tables' | 'containers', readonly string[]>>,
): Judgement {
  const services = { queues: 'queueServices', tables: 'tableServices', containers: 'blobServices' } as const;
  const names = (['queues', 'tables', 'containers'] as const).flatMap((kind) => {
    const found = ofType(predicted, `Microsoft.Storage/storageAccounts/${services[kind]}/${kind}`).map(({ id }) =>
      id.slice(id.lastIndexOf('/') + 1),
    );
    return wanted[kind].map((name) => ({ kind, name, isThere: found.includes(name) }));
  });
  return {
    seen: names.length,
    problems: names.filter(({ isThere }) => !isThere).map(({ kind, name }) => `${name} is not among the ${kind}`),
  };
}

/**
 * Raising one remediation from `observe` to a mode in which it acts changes its setting and its role, and nothing else of the deployment.
 * `before` has all defaults.
 */
export function judgeFlip(
  before: readonly Resource[],
  after: readonly Resource[],
  remediation: { readonly id: string; readonly setting: string },
  { write }: RolePermissions,
): Judgement {
  const old = new Map(before.map((resource) => [resource.id, resource]));
  const added = after.filter(({ id }) => !old.has(id));
  const kept = after.filter(({ id }) => old.has(id));
  const removed = before.filter(({ id }) => !after.some((resource) => resource.id === id));
  const changed = kept.filter(({ id, body }) => !isDeepStrictEqual(body, old.get(id)?.body));

  const definitions = listDefinitions(added);
  const wanted = write[remediation.id];
  const isItsRole = definitions.every(
    ({ actions, dataActions }) =>
      isDeepStrictEqual(actions.toSorted(), wanted?.actions) &&
      isDeepStrictEqual(dataActions.toSorted(), wanted?.dataActions),
  );
  const assigned = listAssignments(added);
  const isAssigned =
    assigned.length > 0 &&
    assigned.every(({ holder, role }) => holder === 'app' && definitions.some(({ name }) => name === role));
  const others = added.length - definitions.length - assigned.length;
  const settings = { before: readAppSettings(before), after: readAppSettings(after) };
  const names = Object.keys({ ...settings.before, ...settings.after }).filter(
    (name) => settings.before[name] !== settings.after[name],
  );
  return {
    seen: added.length,
    problems: [
      ...(definitions.length === 1 && isItsRole
        ? []
        : [`${remediation.id}: ${definitions.length} new roles, and not exactly its own`]),
      ...(isAssigned ? [] : [`${remediation.id}: its role is not what is assigned, or to whom`]),
      ...(others === 0 ? [] : [`${remediation.id}: ${others} more resources are new`]),
      ...removed.map(({ where }) => `${remediation.id}: ${where} is gone`),
      ...changed
        .filter(({ type }) => !['microsoft.web/sites', 'microsoft.web/sites/config'].includes(type))
        .map(({ where }) => `${remediation.id}: ${where} has changed`),
      ...(isDeepStrictEqual(names, [remediation.setting])
        ? []
        : [`${remediation.id}: other settings have changed: ${names.join(', ')}`]),
    ],
  };
}
