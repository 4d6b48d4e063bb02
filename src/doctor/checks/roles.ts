import { isDockwardenError } from '../../errors.ts';
import { shellQuote } from '../../remediations/advice.ts';
import { type CalledFor, deriveCalledFor, type NeededRole } from '../called-for.ts';
import { type DoctorFinding, defineCheck } from '../check.ts';
import type { DeployedContext } from '../deployed.ts';
import { findExcess, findMeantForOne, type Holder, isAtOneResource, isOfOwnStorage, STORAGE } from '../excess.ts';
import {
  type ActionKind,
  actionsOf,
  allows,
  coversScope,
  type Grant,
  listCustomRoles,
  type RoleDefinition,
  takeAway,
} from '../grants.ts';
import { attempt } from '../not-checked.ts';
import { listSubscriptions } from '../subscriptions.ts';

const codes = [
  'role-action-missing',
  'role-action-excess',
  'role-wildcard',
  'role-too-wide',
  'role-scope-too-wide',
] as const;
type Code = (typeof codes)[number];

/** Azure's own roles that let somebody change everything, or give rights: never needed. */
const TOO_WIDE: Readonly<Record<string, string>> = {
  '8e3af657-a8ff-443c-a75c-2fe8c4bcb635': 'Owner',
  'b24988ac-6180-42a0-ab88-20f7382dd24c': 'Contributor',
  '18d7d88d-d35e-4fb5-a5c3-7773c20a72d9': 'User Access Administrator',
  'f58310d9-a9f6-439a-9e8d-f62e7b41a168': 'Role Based Access Control Administrator',
};

/** Azure's own roles that the app needs at its own resources. https://learn.microsoft.com/azure/role-based-access-control/built-in-roles */
const OF_OWN_RESOURCES = new Set([
  'b7e6dc6d-f1e8-4753-8033-0f276bb0955b', // Storage Blob Data Owner
  '974c5e8b-45b9-4653-ba55-5f855dd0fb88', // Storage Queue Data Contributor
  '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3', // Storage Table Data Contributor
  'a638d3c7-ab3a-418d-83e6-5f17a39d4fde', // Azure Event Hubs Data Receiver
  'd5a91429-5739-47e2-a06b-3470a27159e7', // EventGrid Data Sender
  '3913510d-42f4-4e42-8a64-420c390055eb', // Monitoring Metrics Publisher
]);
/** What settings refer to in key vaults is read secret by secret: of a whole vault the app would see what is none of its business. */
const SECRETS_USER = '4633458b-17de-408a-b874-0445c86b69e6';

/** What the identity of the app may do in the subscriptions that it looks after, against what its settings call for. */
export const rolesCheck = defineCheck<DeployedContext, Code>({
  id: 'roles',
  title: "roles of the app's identity",
  codes,
  async run(context) {
    const settings = await context.readSettings();
    const calledFor = deriveCalledFor(context, settings);
    const subscriptions = [...new Set([...settings.scopes, context.app.subscriptionId.toLowerCase()])];
    const seen = new Map<string, Grant>();
    const read = new Set<string>();
    const findings: DoctorFinding<Code>[] = [];
    for (const subscriptionId of subscriptions) {
      const scope = `/subscriptions/${subscriptionId}`;
      const look = async () => {
        const grants = await context.readGrants(subscriptionId);
        for (const grant of grants) seen.set(grant.id.toLowerCase(), grant);
        read.add(subscriptionId);
        // The app's own subscription need not be one that it looks after.
        return settings.scopes.includes(subscriptionId) ? await findMissing(scope, grants, calledFor, context) : [];
      };
      findings.push(...(await attempt(scope, look)));
    }
    if (read.size === 0) return findings;
    const elsewhere = await readElsewhere(context, subscriptions);
    const grants = [...new Map([...seen, ...elsewhere]).values()];
    const identity = {
      principalId: (await context.readIdentity()).principalId,
      scopes: settings.scopes,
      // Where it cannot be read, the check of the tables says so.
      storageId: (await context.readStorageAccount().catch(() => undefined))?.id,
    };
    return [
      ...findings,
      // It may be held where nobody could look.
      ...(read.size === subscriptions.length ? findMissingSomewhere(grants, calledFor, identity) : []),
      ...grants.flatMap((grant) => judgeGrant(grant, calledFor, identity)),
    ];
  },
});

/** What it holds in other subscriptions that whoever asks may see: one that was taken out of `SCOPES`, or where a workspace or vault lies. */
async function readElsewhere(
  { arm, readGrants }: DeployedContext,
  known: readonly string[],
): Promise<readonly (readonly [string, Grant])[]> {
  const others = (await unlessRefused(listSubscriptions(arm))).filter((id) => !known.includes(id));
  const found: (readonly [string, Grant])[] = [];
  for (const id of others) {
    const grants = await unlessRefused(readGrants(id));
    found.push(...grants.map((grant) => [grant.id.toLowerCase(), grant] as const));
  }
  return found;
}

/** These are looked at besides: nobody has to be allowed to read all that he can see. */
async function unlessRefused<T>(look: Promise<readonly T[]>): Promise<readonly T[]> {
  try {
    return await look;
  } catch (error) {
    if (isDockwardenError(error)) return [];
    throw error;
  }
}

async function findMissing(
  scope: string,
  grants: readonly Grant[],
  { roles }: CalledFor,
  context: DeployedContext,
): Promise<readonly DoctorFinding<Code>[]> {
  const here = grants.filter((grant) => coversScope(grant, scope));
  const lacking = roles
    .filter(({ place }) => place === 'everywhere')
    .map((role) => ({ role, missing: missingOf(role, here) }))
    .filter(({ missing }) => missing.length > 0);
  if (lacking.length === 0) return [];
  const { principalId } = await context.readIdentity();
  const subscriptionId = scope.split('/')[2] ?? '';
  // Only for the command: without the list a new role is made.
  const existing = await listCustomRoles(context.arm, subscriptionId).catch(() => []);
  return lacking.map(({ role, missing }) => {
    const isNarrower = missing.every(({ action, kind }) => grants.some((grant) => allows(grant, action, kind)));
    return {
      severity: isNarrower ? 'warning' : 'error',
      code: 'role-action-missing',
      subject: scope,
      message: `${role.name}: ${isNarrower ? 'held only for a part of the subscription' : 'missing'}: ${missing.map(({ action }) => action).join(', ')}.`,
      command: giveRole(role, scope, principalId, ownOrFree(existing, grants)),
    };
  });
}

/** A role of the template that the app does not hold may be that of another environment: that one is not changed. */
function ownOrFree(existing: readonly RoleDefinition[], grants: readonly Grant[]) {
  const isHeld = ({ roleId }: RoleDefinition) => grants.some((grant) => grant.roleId === roleId);
  return { assignable: existing, changeable: existing.filter((role) => isHeld(role) || !role.roleName.includes(' (')) };
}

interface Missing {
  readonly action: string;
  readonly kind: ActionKind;
}

function missingOf(role: NeededRole, grants: readonly Grant[]): readonly Missing[] {
  const kinds: readonly ActionKind[] = ['actions', 'dataActions'];
  return kinds.flatMap((kind) =>
    role[kind]
      .filter((action) => !grants.some((grant) => allows(grant, action, kind)))
      .map((action) => ({ action, kind })),
  );
}

/** An existing role that is exactly this one is assigned; else it is made first. */
function giveRole(
  role: NeededRole,
  scope: string,
  principalId: string,
  { assignable, changeable }: ReturnType<typeof ownOrFree>,
): string {
  const same = assignable.find((candidate) => isSame(candidate, role));
  const assign = (name: string) => assignRole(name, principalId, shellQuote(scope));
  if (same !== undefined) return assign(same.roleId);
  const { name } = role;
  const taken = changeable.find(({ roleName }) => roleName.startsWith(`${name} (`) || roleName === name);
  const definition = { ...defineRole(role), AssignableScopes: [scope], Name: taken?.roleName ?? name };
  const verb = taken === undefined ? 'create' : 'update';
  return `az role definition ${verb} --role-definition ${shellQuote(JSON.stringify(definition))}\n${assign(definition.Name)}`;
}

function defineRole({ actions, dataActions, name }: NeededRole) {
  return { Name: name, Description: 'Made from what Dockwarden calls.', Actions: actions, DataActions: dataActions };
}

/** `scope` is part of a command, quoted already. */
function assignRole(role: string, principalId: string, scope: string): string {
  return `az role assignment create --assignee-object-id ${shellQuote(principalId)} --assignee-principal-type ServicePrincipal --role ${shellQuote(role)} --scope ${scope}`;
}

function isSame(candidate: RoleDefinition, { actions, dataActions }: NeededRole): boolean {
  return (
    candidate.permissions.every(({ notActions, notDataActions }) => notActions.length + notDataActions.length === 0) &&
    fold(actionsOf(candidate, 'actions')) === fold(actions) &&
    fold(actionsOf(candidate, 'dataActions')) === fold(dataActions)
  );
}

/** The same text for the same actions, whatever their order and casing. */
function fold(actions: readonly string[]): string {
  return actions
    .map((action) => action.toLowerCase())
    .toSorted()
    .join('\n');
}

/** Roles at one resource, which the settings name by its address and not by its id. */
function findMissingSomewhere(
  grants: readonly Grant[],
  { roles }: CalledFor,
  { principalId }: Holder,
): DoctorFinding<Code>[] {
  return roles
    .filter(({ place }) => place === 'somewhere')
    .map((role) => ({ role, missing: missingOf(role, grants) }))
    .filter(({ missing }) => missing.length > 0)
    .map(({ role, missing }) => ({
      severity: 'warning',
      code: 'role-action-missing',
      subject: role.name,
      message: `The settings call for this role at one resource, and it is held nowhere in the subscriptions that you may see: ${missing.map(({ action }) => action).join(', ')}.`,
      command: giveSomewhere(role, principalId),
    }));
}

function giveSomewhere(role: NeededRole, principalId: string): string {
  const resource = '"${RESOURCE_ID:?set it to the id of the workspace, cluster, vault or topic}"';
  const assign = assignRole(role.name, principalId, resource);
  if (role.isBuiltIn === true) return assign;
  // The end is the reader's: in which subscription the resource lies.
  const definition = JSON.stringify({ ...defineRole(role), AssignableScopes: ['/subscriptions/'] });
  const subscription = '"${RESOURCE_SUBSCRIPTION:?set it to the id of its subscription}"';
  const [start = '', end = ''] = definition.split('/subscriptions/');
  return `az role definition create --role-definition ${shellQuote(`${start}/subscriptions/`)}${subscription}${shellQuote(end)}\n${assign}`;
}

/** What a grant allows beyond what is called for. */
function judgeGrant(grant: Grant, calledFor: CalledFor, holder: Holder): DoctorFinding<Code>[] {
  const { isCustom, roleId, roleName, scope } = grant;
  const found = (severity: 'error' | 'warning', code: Code, message: string): DoctorFinding<Code> => ({
    severity,
    code,
    subject: scope === '' ? '/' : scope,
    message: grant.group === undefined ? message : `${message} It is a member of a group that holds it.`,
    command: takeAway(grant, holder.principalId),
  });
  if (TOO_WIDE[roleId] !== undefined) {
    return [
      found(
        'error',
        'role-too-wide',
        `The app holds ${roleName}: it may change everything there. Nothing that it does needs that.`,
      ),
    ];
  }
  if (OF_OWN_RESOURCES.has(roleId) || roleId === SECRETS_USER) {
    const isOwn = STORAGE.test(scope) ? isOfOwnStorage(grant, holder) : isAtOneResource(grant);
    if (isOwn && (roleId !== SECRETS_USER || /\/secrets\/[^/]+$/i.test(scope))) return [];
    return [
      found(
        'error',
        'role-scope-too-wide',
        `The app holds ${roleName} for more than its own resource, or for another: it may use the data of others.`,
      ),
    ];
  }
  const all = [...actionsOf(grant, 'actions'), ...actionsOf(grant, 'dataActions')];
  const wildcard = all.find((action) => action.includes('*'));
  if (wildcard !== undefined) {
    return [
      found('error', 'role-wildcard', `Role ${roleName} allows ${wildcard}: what a wildcard covers grows with Azure.`),
    ];
  }
  const excess = findExcess(grant, calledFor, holder);
  const wide = isAtOneResource(grant) ? [] : findMeantForOne(grant, calledFor);
  if (excess.length === 0 && wide.length > 0) {
    return [
      found(
        'error',
        'role-scope-too-wide',
        `Role ${roleName} allows ${wide.join(', ')}, which the settings call for at single resources, and here it holds for all.`,
      ),
    ];
  }
  if (excess.length === 0) return [];
  const shown = excess.map(({ action, because }) => `${action} (${because})`).join(', ');
  const isWriting = excess.some(({ action }) => !action.toLowerCase().endsWith('/read'));
  return [
    found(
      isWriting ? 'error' : 'warning',
      'role-action-excess',
      `Role ${isCustom ? '' : 'of Azure '}${roleName} allows more than the settings call for: ${shown}.`,
    ),
  ];
}
