import { effectivePermissions, type Permissions, type RolePermissions } from '../../src/doctor/roles.ts';
import type { Settings } from '../../src/settings/settings.ts';
import { type Judgement, ofType, type Resource } from './resources.ts';
import { type Holder, listAssignments, listDefinitions, type RoleAssignment } from './role-assignments.ts';
import { APPEND_ONLY, BUILT_IN, comparePermissions, isManagementGroup, unite } from './role-rules.ts';

/** A role without which something never works: delivery, a trigger, telemetry. */
interface Needed {
  readonly role: string;
  readonly at: string;
  readonly holder: Holder;
  /** Part of the expression for the id of its holder, in lower case. */
  readonly principal?: string;
}

/**
 * Everything that the template brings up and the app, a topic or Defender uses has the role for it: nothing else here would notice that one is
 * missing before the app is deployed. `tables` are those that the code uses.
 */
export function judgeNeededRoles(predicted: readonly Resource[], tables: readonly string[]): Judgement {
  const idsOf = (type: string) => ofType(predicted, type).map(({ id }) => id);
  const accounts = idsOf('Microsoft.Storage/storageAccounts');
  const topics = [
    ...new Set(
      idsOf('Microsoft.EventGrid/systemTopics/eventSubscriptions').map((id) =>
        id.slice(0, id.lastIndexOf('/eventSubscriptions/')).toLowerCase(),
      ),
    ),
  ];
  const hubs = idsOf('Microsoft.EventHub/namespaces/eventhubs');
  const needed: readonly Needed[] = [
    ...accounts.flatMap((account) => [
      forApp('Storage Blob Data Owner', account),
      forApp('Storage Queue Data Contributor', account),
      ...tables
        .filter((table) => table !== 'audit')
        .map((table) => forApp('Storage Table Data Contributor', `${account}/tableServices/default/tables/${table}`)),
      ...topics.flatMap((principal): Needed[] => [
        {
          role: 'Storage Queue Data Message Sender',
          at: `${account}/queueServices/default/queues/resource-events`,
          holder: 'topic',
          principal,
        },
        {
          role: 'Storage Blob Data Contributor',
          at: `${account}/blobServices/default/containers/dead-letter`,
          holder: 'topic',
          principal,
        },
      ]),
    ]),
    ...idsOf('Microsoft.Insights/components').map((at) => forApp('Monitoring Metrics Publisher', at)),
    ...hubs.map((at) => forApp('Azure Event Hubs Data Receiver', at)),
    ...hubs.map((at) => ({ role: 'Azure Event Hubs Data Sender', at, holder: 'given' as const })),
  ];
  const assignments = listAssignments(predicted);
  return {
    seen: needed.length,
    problems: needed
      .filter((each) => !assignments.some((assignment) => isMet(each, assignment)))
      .map(({ role, at, holder, principal }) => `${principal ?? holder}: ${role} is needed at ${at}, and not assigned`),
  };
}

function forApp(role: string, at: string): Needed {
  return { role, at, holder: 'app' };
}

function isMet({ role, at, holder, principal = '' }: Needed, assignment: RoleAssignment): boolean {
  return (
    BUILT_IN[assignment.role]?.name === role &&
    assignment.holder === holder &&
    assignment.scope.toLowerCase() === at.toLowerCase() &&
    (principal === '' || assignment.principal.toLowerCase().includes(`${principal}'`))
  );
}

/** Every custom role, wherever it is defined, is one of the generated ones, or the one of the audit: no action more, none less. */
export function judgeCustomRoles(predicted: readonly Resource[], roles: RolePermissions): Judgement {
  const generated = [roles.read, ...Object.values(roles.optional), ...Object.values(roles.write), APPEND_ONLY];
  const definitions = listDefinitions(predicted);
  const isOne = (role: Permissions) => generated.some((each) => comparePermissions('', role, each).length === 0);
  return {
    seen: definitions.length,
    problems: definitions
      .filter((definition) => !isOne(definition))
      .map(
        ({ where, actions, dataActions }) =>
          `${where}: is none of the generated roles: ${[...actions, ...dataActions].join(', ')}`,
      ),
  };
}

/** Where the app is not part of the deployment: the subscriptions and management groups that it connects. */
export interface Connection {
  readonly settings: Settings;
  /** Of the optional roles those that hold everywhere. */
  readonly optional: Parameters<typeof effectivePermissions>[1]['optional'];
  /** `group`: a management group and what Azure does not allow there · `rest`: only the latter, in one subscription. */
  readonly kind: 'group' | 'rest';
}

/** What connects others gives the app the roles that its settings call for: those with data actions in each subscription, the others above. */
export function judgeConnected(
  predicted: readonly Resource[],
  roles: RolePermissions,
  { kind, optional, settings }: Connection,
): Judgement {
  const part = (withData: boolean): RolePermissions => {
    const pick = (role: Permissions) => (role.dataActions.length > 0 === withData ? role : NOTHING);
    const all = (group: Readonly<Record<string, Permissions>>) =>
      Object.fromEntries(Object.entries(group).map(([name, role]) => [name, pick(role)]));
    return { read: pick(roles.read), optional: { ...roles.optional, ...all(roles.optional) }, write: all(roles.write) };
  };
  const wanted = (withData: boolean) =>
    effectivePermissions(part(withData), { modeOf: (id) => settings.modeOf(id), optional });
  const definitions = new Map(listDefinitions(predicted).map((definition) => [definition.name, definition]));
  const held = listAssignments(predicted).filter(({ role }) => definitions.has(role));
  const above = held.filter(({ scope }) => isManagementGroup(scope));
  const subscriptions = [
    ...new Set(
      ofType(predicted, 'Microsoft.EventGrid/systemTopics/eventSubscriptions').map(
        ({ id }) => `/subscriptions/${id.split('/')[2] ?? ''}`,
      ),
    ),
  ];
  const perSubscription = subscriptions.flatMap((scope) =>
    comparePermissions(
      scope,
      unite(
        held.filter((each) => each.scope.toLowerCase() === scope.toLowerCase()),
        definitions,
      ),
      wanted(true),
    ),
  );
  const atGroup =
    kind === 'group' ? comparePermissions('the management group', unite(above, definitions), wanted(false)) : [];
  return { seen: subscriptions.length, problems: [...atGroup, ...perSubscription] };
}

const NOTHING: Permissions = { actions: [], dataActions: [] };
