import * as z from 'zod';
import type { ArmAccess } from '../azure/arm-access.ts';
import { DockwardenError } from '../errors.ts';
import { builtInDefinitionId, parsePolicyId } from '../resources/azure-policy.ts';
import { lenient, lenientObject } from '../resources/lenient.ts';
import { doctorVersions } from './api-versions.ts';

const Values = lenient(z.record(z.string(), lenientObject({ value: z.unknown().optional() })));
const Declared = lenient(z.record(z.string(), lenientObject({ defaultValue: z.unknown().optional() })));
const names = lenient(z.array(z.string()));
const Selector = lenientObject({ kind: lenient(z.string()), in: names, notIn: names });
const Override = lenientObject({
  kind: lenient(z.string()),
  value: lenient(z.string()),
  selectors: lenient(z.array(Selector)),
});
const Assignment = z.object({
  id: z.string(),
  name: z.string(),
  properties: lenientObject({
    policyDefinitionId: lenient(z.string()),
    displayName: lenient(z.string()),
    enforcementMode: lenient(z.string()),
    parameters: Values,
    notScopes: names,
    overrides: lenient(z.array(Override)),
  }),
});
type Assignment = Readonly<z.infer<typeof Assignment>>;
const Initiative = z.object({
  properties: z.object({
    parameters: Declared,
    policyDefinitions: z.array(
      z.object({
        policyDefinitionId: z.string(),
        policyDefinitionReferenceId: lenient(z.string()),
        parameters: Values,
      }),
    ),
  }),
});
const Definition = z.object({
  properties: lenientObject({
    parameters: Declared,
    policyRule: lenient(z.record(z.string(), z.unknown())),
  }),
});

/** Does this effect change resources? One that cannot be told may. */
export function mayFix(effect: string | undefined): boolean {
  return effect === undefined || effect === 'modify' || effect === 'deployifnotexists';
}

const Consequence = lenientObject({ effect: lenient(z.string()) });

/** A built-in definition that an assignment brings to bear. */
export interface AssignedDefinition {
  /** GUID of the definition, in lower case. */
  readonly definition: string;
  readonly assignmentId: string;
  /** As people know the assignment. */
  readonly assignmentName: string;
  /** In lower case, such as `modify`; undefined = it cannot be told, so it may be any. Where parts have different ones, one that changes something. */
  readonly effect: string | undefined;
}

/**
 * Which of these built-in definitions are assigned to the subscription, above it or below it, directly or in an initiative, and with which effect. What
 * is assigned with `DoNotEnforce`, or leaves the subscription out, is not among them: it changes nothing.
 */
export async function listAssigned(
  arm: ArmAccess,
  subscriptionId: string,
  definitions: readonly string[],
): Promise<readonly AssignedDefinition[]> {
  const path = `/subscriptions/${subscriptionId}/providers/Microsoft.Authorization/policyAssignments`;
  const items = await arm.list(path, doctorVersions.policy);
  const found: AssignedDefinition[] = [];
  for (const item of items) {
    const { data } = Assignment.safeParse(item);
    if (data?.properties.policyDefinitionId === undefined)
      throw new DockwardenError('AZURE_TRANSIENT', 'a policy assignment is not as it should be');
    const { enforcementMode, notScopes = [] } = data.properties;
    // Which management groups are above the subscription is not known here: one that is left out counts as if it was not.
    const isLeftOut = notScopes.some(
      (scope) => scope.toLowerCase() === `/subscriptions/${subscriptionId}`.toLowerCase(),
    );
    if (isLeftOut || enforcementMode?.toLowerCase() === 'donotenforce') continue;
    found.push(...(await resolve(arm, data, definitions)));
  }
  return found;
}

async function resolve(
  arm: ArmAccess,
  assignment: Assignment,
  wanted: readonly string[],
): Promise<readonly AssignedDefinition[]> {
  const { policyDefinitionId = '', parameters = {} } = assignment.properties;
  const direct = matchDefinition(policyDefinitionId, wanted);
  if (direct !== undefined) {
    return [await describe(arm, assignment, { definition: direct, given: valueOf(parameters, 'effect')?.value })];
  }
  if (parsePolicyId(policyDefinitionId).type !== 'policysetdefinitions') return [];
  const { data: initiative } = Initiative.safeParse(await readInitiative(arm, policyDefinitionId));
  if (initiative === undefined)
    throw new DockwardenError('AZURE_TRANSIENT', 'an initiative of Azure Policy is not as it should be');
  const { properties } = initiative;
  const found: AssignedDefinition[] = [];
  for (const member of properties.policyDefinitions) {
    const definition = matchDefinition(member.policyDefinitionId, wanted);
    if (definition === undefined) continue;
    const given = valueOf(member.parameters, 'effect')?.value;
    const [, name] = typeof given === 'string' ? (PARAMETER.exec(given.trim()) ?? []) : [];
    const value =
      name === undefined
        ? given
        : (valueOf(parameters, name)?.value ?? valueOf(properties.parameters, name)?.defaultValue);
    const referenceId = member.policyDefinitionReferenceId;
    found.push(await describe(arm, assignment, { definition, referenceId, given: value }));
  }
  return found;
}

/** A value that is that of a parameter of the initiative, and nothing else. */
const PARAMETER = /^\[\s*parameters\(\s*'([^']+)'\s*\)\s*\]$/i;

/** Names of parameters compare without regard to case. */
function valueOf<T>(values: Readonly<Record<string, T>> = {}, name: string): T | undefined {
  return Object.entries(values).find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1];
}

/** The GUID of a built-in definition that is looked for. */
function matchDefinition(id: string, wanted: readonly string[]): string | undefined {
  return wanted.find((guid) => builtInDefinitionId(guid) === id.toLowerCase())?.toLowerCase();
}

/** The id was written by whoever made the assignment: it leads to an initiative, or nowhere. */
async function readInitiative(arm: ArmAccess, id: string): Promise<unknown> {
  const { name, scope } = parsePolicyId(id);
  const isPlain =
    /^(?:\/subscriptions\/[0-9a-f-]{36}|\/providers\/microsoft\.management\/managementgroups\/[\w().-]{1,90})?$/.test(
      scope,
    );
  if (!isPlain || !/^[\w .()-]{1,128}$/.test(name)) {
    throw new DockwardenError('AZURE_INVALID', `not the id of an initiative: ${JSON.stringify(id.slice(0, 200))}`);
  }
  const path = `${scope}/providers/Microsoft.Authorization/policySetDefinitions/${encodeURIComponent(name)}`;
  return await arm.get(path, doctorVersions.policy);
}

/** The definition, as an assignment itself or as a member of an initiative, and the effect that was chosen for it. */
interface Chosen {
  readonly definition: string;
  readonly referenceId?: string | undefined;
  readonly given: unknown;
}

async function describe(
  arm: ArmAccess,
  { id, name, properties }: Assignment,
  { definition, given, referenceId }: Chosen,
): Promise<AssignedDefinition> {
  const overrides = (properties.overrides ?? [])
    .filter(({ kind }) => kind?.toLowerCase() === 'policyeffect')
    .map(({ selectors = [], value }) => ({ value, share: shareOf(selectors, referenceId) }));
  const whole = overrides.find(({ share }) => share === 'all');
  const chosen = whole === undefined ? (given ?? (await readDefaultEffect(arm, definition))) : whole.value;
  // An override for a part of the resources leaves the rest as it is.
  const parts = overrides.filter(({ share }) => share === 'part').map(({ value }) => value);
  const effects = [chosen, ...parts].map(toEffect);
  return {
    definition,
    assignmentId: id,
    assignmentName: properties.displayName ?? name,
    effect: effects.some(mayFix) ? effects.find(mayFix) : effects[0],
  };
}

/** An expression may come to anything. */
function toEffect(value: unknown): string | undefined {
  return typeof value === 'string' && !value.trim().startsWith('[') ? value.toLowerCase() : undefined;
}

/** How much of what the definition judges do these selectors pick? All of them have to hold; other kinds pick by location or type. */
function shareOf(
  selectors: readonly z.infer<typeof Selector>[],
  referenceId: string | undefined,
): 'all' | 'part' | 'none' {
  const shares = selectors.map((selector) => {
    if (selector.kind?.toLowerCase() !== 'policydefinitionreferenceid' || referenceId === undefined) return 'part';
    const includes = (ids: readonly string[] = []) =>
      ids.some((one) => one.toLowerCase() === referenceId.toLowerCase());
    return (selector.in === undefined || includes(selector.in)) && !includes(selector.notIn) ? 'all' : 'none';
  });
  if (shares.includes('none')) return 'none';
  return shares.includes('part') ? 'part' : 'all';
}

/** What the definition does when an assignment says nothing about it. */
async function readDefaultEffect(arm: ArmAccess, guid: string): Promise<unknown> {
  const path = `/providers/Microsoft.Authorization/policyDefinitions/${guid}`;
  const { properties } = Definition.parse(await arm.get(path, doctorVersions.policy));
  // `[parameters('effect')]` in nearly all of them.
  const { effect } = Consequence.parse(properties.policyRule?.['then']);
  return effect === undefined || effect.startsWith('[')
    ? valueOf(properties.parameters, 'effect')?.defaultValue
    : effect;
}
