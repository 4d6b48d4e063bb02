import { isDeepStrictEqual } from 'node:util';
import {
  effectivePermissions,
  type OptionalRole,
  optionalRolesFor,
  type Permissions,
  type RolePermissions,
} from '../../src/doctor/roles.ts';
import { policies } from '../../src/policy/catalogue.ts';
import { remediations, trackers } from '../../src/remediations/catalogue.ts';
import { type Judgement, join, ofType, type Resource } from './resources.ts';
import {
  type Holder,
  listAssignments,
  listDefinitions,
  type RoleAssignment,
  type RoleDefinition,
} from './role-assignments.ts';
import { readDeployedSettings } from './setting-rules.ts';

/** All that the identity may do at the table of the audit: what is written there stays. */
export const APPEND_ONLY: Permissions = {
  actions: [],
  dataActions: [
    'Microsoft.Storage/storageAccounts/tableServices/tables/entities/add/action',
    'Microsoft.Storage/storageAccounts/tableServices/tables/entities/read',
  ],
};

/** Assigned at one resource, not where the covered resources are. */
const AT_A_RESOURCE: readonly OptionalRole[] = ['metrics', 'passwordVault', 'runCommand'];

/** Built-in roles that may be assigned, to whom, and at what: the end of the scope. Every other one is refused, Owner and Contributor first. */
export const BUILT_IN: Readonly<Record<string, { readonly name: string; readonly to: Holder; readonly at: RegExp }>> = {
  'b7e6dc6d-f1e8-4753-8033-0f276bb0955b': {
    name: 'Storage Blob Data Owner',
    to: 'app',
    at: /\/storageAccounts\/[^/]+$/i,
  },
  'ba92f5b4-2d11-453d-a403-e96b0029c9fe': {
    name: 'Storage Blob Data Contributor',
    to: 'topic',
    at: /\/storageAccounts\/[^/]+(?:\/blobServices\/default\/containers\/[^/]+)?$/i,
  },
  '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1': {
    name: 'Storage Blob Data Reader',
    to: 'given',
    at: /\/storageAccounts\/[^/]+/i,
  },
  '974c5e8b-45b9-4653-ba55-5f855dd0fb88': {
    name: 'Storage Queue Data Contributor',
    to: 'app',
    at: /\/storageAccounts\/[^/]+/i,
  },
  'c6a89b2d-59bc-44d0-9896-0f6e12d7b80a': {
    name: 'Storage Queue Data Message Sender',
    to: 'topic',
    at: /\/storageAccounts\/[^/]+/i,
  },
  '19e7f393-937e-4f77-808e-94535e297925': {
    name: 'Storage Queue Data Reader',
    to: 'given',
    at: /\/storageAccounts\/[^/]+/i,
  },
  '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3': {
    name: 'Storage Table Data Contributor',
    to: 'app',
    at: /\/tableServices\/default\/tables\/(?!audit$)[^/]+$/i,
  },
  '76199698-9eea-4c19-bc75-cec21354c6b6': {
    name: 'Storage Table Data Reader',
    to: 'given',
    at: /\/storageAccounts\/[^/]+/i,
  },
  '3913510d-42f4-4e42-8a64-420c390055eb': {
    name: 'Monitoring Metrics Publisher',
    to: 'app',
    at: /\/microsoft\.insights\/components\/[^/]+$/i,
  },
  'a638d3c7-ab3a-418d-83e6-5f17a39d4fde': {
    name: 'Azure Event Hubs Data Receiver',
    to: 'app',
    at: /\/Microsoft\.EventHub\/namespaces\/[^/]+/i,
  },
  '2b629674-e913-4c01-ae53-ef4638d8f975': {
    name: 'Azure Event Hubs Data Sender',
    to: 'given',
    at: /\/Microsoft\.EventHub\/namespaces\/[^/]+/i,
  },
  '4633458b-17de-408a-b874-0445c86b69e6': {
    name: 'Key Vault Secrets User',
    to: 'app',
    at: /\/Microsoft\.KeyVault\/vaults\/[^/]+\/secrets\/[^/]+$/i,
  },
  'd5a91429-5739-47e2-a06b-3470a27159e7': {
    name: 'EventGrid Data Sender',
    to: 'app',
    at: /\/Microsoft\.EventGrid\/topics\/[^/]+$/i,
  },
};

/** For messages. Readers of the storage are people: the app has its own rights, table by table. */
const HOLDERS: Readonly<Record<Holder, string>> = { app: 'the app', topic: 'topics', given: 'people and Defender' };

/** No custom role holds a wildcard, and every one is assigned: what is not is a right in waiting. */
export function judgeDefinitions(predicted: readonly Resource[]): Judgement {
  const definitions = listDefinitions(predicted);
  const assigned = new Set(listAssignments(predicted).map(({ role }) => role));
  const problems = definitions.flatMap(({ name, where, actions, dataActions }) => [
    ...[...actions, ...dataActions]
      .filter((action) => action.includes('*'))
      .map((action) => `${where}: a role may not hold a wildcard: ${action}`),
    ...(assigned.has(name) ? [] : [`${where}: is assigned to nobody`]),
  ]);
  return { seen: definitions.length, problems };
}

/** Built-in roles are those of the list, at what they are for; no custom role but those of this template is assigned. */
export function judgeBuiltIns(predicted: readonly Resource[]): Judgement {
  const own = new Set(listDefinitions(predicted).map(({ name }) => name));
  const assignments = listAssignments(predicted).filter(({ role }) => !own.has(role));
  const problems = assignments.flatMap(({ holder, role, scope, where }) => {
    const known = BUILT_IN[role];
    if (known === undefined) return [`${where}: role ${role} is not one that may be assigned`];
    if (!known.at.test(scope)) return [`${where}: ${known.name} may not be assigned at ${scope}`];
    return holder === known.to ? [] : [`${where}: ${known.name} is for ${HOLDERS[known.to]}`];
  });
  return { seen: assignments.length, problems };
}

/** The app may add to the audit and read it; nobody whom the template knows may do more there, at the table or above it. */
export function judgeAuditTable(predicted: readonly Resource[]): Judgement {
  const definitions = new Map(listDefinitions(predicted).map((definition) => [definition.name, definition]));
  const assignments = listAssignments(predicted).filter(({ scope }) => /\/storageAccounts\//i.test(scope));
  const atAudit = assignments.filter(({ scope }) => /\/tables\/audit$/i.test(scope));
  const appending = atAudit.filter(({ holder, role }) => holder === 'app' && isAppendOnly(definitions.get(role)));
  const problems =
    appending.length === 1 ? [] : [`the app is allowed to append to table audit ${appending.length} times`];
  const others = atAudit.filter((assignment) => !appending.includes(assignment));
  const wider = assignments.filter(({ role, scope }) => {
    const dataActions = definitions.get(role)?.dataActions ?? [];
    return dataActions.some((action) => /\/tableServices\//i.test(action)) && !/\/tables\/audit$/i.test(scope);
  });
  return {
    seen: assignments.length,
    problems: [
      ...problems,
      ...[...others, ...wider].map(({ where }) => `${where}: more than appending to table audit`),
    ],
  };
}

function isAppendOnly(definition: RoleDefinition | undefined): boolean {
  if (definition === undefined) return false;
  const { actions, dataActions } = definition;
  return isDeepStrictEqual({ actions, dataActions: dataActions.toSorted() }, APPEND_ONLY);
}

/**
 * In every covered subscription the app may do exactly what the settings of this deployment call for: the generated roles, no action more and
 * none less. Roles for one resource are assigned at such a resource, and only while the settings call for them.
 */
export function judgePermissions(predicted: readonly Resource[], roles: RolePermissions): Judgement {
  const settings = readDeployedSettings(predicted, { policies, remediations, trackers });
  const optional = optionalRolesFor(settings, policies, remediations);
  const wanted = effectivePermissions(roles, {
    modeOf: (id) => settings.modeOf(id),
    optional: optional.filter((name) => !AT_A_RESOURCE.includes(name)),
  });
  const definitions = new Map(listDefinitions(predicted).map((definition) => [definition.name, definition]));
  const held = listAssignments(predicted).filter(({ holder, role }) => holder === 'app' && definitions.has(role));
  const strangers = listAssignments(predicted).filter(({ holder, role }) => holder !== 'app' && definitions.has(role));
  const atSubscriptions = held.filter(({ scope }) => /^\/subscriptions\/[^/]+$/.test(scope));
  const subscriptions = [...new Set(atSubscriptions.map(({ scope }) => scope.toLowerCase()))];
  const perSubscription = subscriptions.map((scope): Judgement => {
    const granted = unite(
      atSubscriptions.filter((each) => each.scope.toLowerCase() === scope),
      definitions,
    );
    return { seen: 1, problems: comparePermissions(scope, granted, wanted) };
  });
  // Those that a management group connects are in SCOPES, too, and not in this deployment.
  const connected = ofType(predicted, 'Microsoft.EventGrid/systemTopics/eventSubscriptions').map(
    ({ id }) => id.split('/')[2],
  );
  const uncovered = settings.scopes.filter(
    (id) => connected.includes(id) && !subscriptions.includes(`/subscriptions/${id}`),
  );
  const narrow = held
    .filter((each) => !atSubscriptions.includes(each))
    .flatMap(({ role, scope, where }) => {
      const definition = definitions.get(role);
      if (isAppendOnly(definition) && /\/tables\/audit$/i.test(scope)) return [];
      const isCalledFor = AT_A_RESOURCE.some(
        (name) => optional.includes(name) && isSame(definition, roles.optional[name]),
      );
      return isCalledFor ? [] : [`${where}: nothing in the settings calls for this role here`];
    });
  const rest = uncovered.map((id) => `subscription ${id} tells the app of its changes, and the app has no role there`);
  const foreign = strangers.map(({ where }) => `${where}: a role of the app, and not for the app`);
  return join([...perSubscription, { seen: 0, problems: [...rest, ...narrow, ...foreign] }]);
}

/** What these assignments allow together. */
export function unite(
  assignments: readonly RoleAssignment[],
  definitions: ReadonlyMap<string, RoleDefinition>,
): Permissions {
  const roles = assignments.flatMap(({ role }) => definitions.get(role) ?? []);
  const all = (pick: (role: RoleDefinition) => readonly string[]) => [...new Set(roles.flatMap(pick))].toSorted();
  return { actions: all(({ actions }) => actions), dataActions: all(({ dataActions }) => dataActions) };
}

function isSame(one: Permissions | undefined, other: Permissions): boolean {
  return one !== undefined && comparePermissions('', one, other).length === 0;
}

/** What is granted and not wanted, and the other way round. */
export function comparePermissions(where: string, granted: Permissions, wanted: Permissions): string[] {
  return (['actions', 'dataActions'] as const).flatMap((kind) => [
    ...granted[kind]
      .filter((action) => !wanted[kind].includes(action))
      .map((action) => `${where}: ${action} is granted, and nothing needs it`),
    ...wanted[kind]
      .filter((action) => !granted[kind].includes(action))
      .map((action) => `${where}: ${action} is needed, and not granted`),
  ]);
}

/** Azure refuses to assign roles with data actions at a management group: they belong to each subscription. */
export function judgeManagementGroups(predicted: readonly Resource[]): Judgement {
  const definitions = listDefinitions(predicted);
  const assignments = listAssignments(predicted).filter(({ scope }) => isManagementGroup(scope));
  const problems = assignments.flatMap(({ role, where }) => {
    const definition = definitions.find(({ name }) => name === role);
    if (definition === undefined) return [`${where}: a role that is not of this template, at a management group`];
    return definition.dataActions.length > 0 ? [`${where}: a role with data actions at a management group`] : [];
  });
  return { seen: assignments.length, problems };
}

/** Is a scope a management group? The one that is deployed to has none in a snapshot. */
export function isManagementGroup(scope: string): boolean {
  return scope === '' || /^\/providers\/Microsoft\.Management\/managementGroups\/[^/]+$/i.test(scope);
}

/**
 * What was assigned while remediations acted, and is not any more, has to be named for removal under the id that it had: Azure deletes no
 * assignment by itself. `named` is the output of the deployment in which they only observe.
 */
export function judgeRemoval(
  acting: readonly Resource[],
  observing: readonly Resource[],
  named: readonly string[],
): Judgement {
  const kept = listAssignmentIds(observing);
  const left = listAssignmentIds(acting).filter((id) => !kept.includes(id));
  const names = named.map((id) => id.toLowerCase());
  return {
    seen: left.length,
    problems: [
      ...left.filter((id) => !names.includes(id)).map((id) => `${id} would stay, and is not named for removal`),
      ...kept.filter((id) => names.includes(id)).map((id) => `${id} is assigned, and named for removal`),
    ],
  };
}

function listAssignmentIds(resources: readonly Resource[]): readonly string[] {
  return ofType(resources, 'Microsoft.Authorization/roleAssignments').map(({ id }) => id.toLowerCase());
}
