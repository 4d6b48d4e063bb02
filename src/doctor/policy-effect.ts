import * as z from 'zod';
import type { ArmAccess } from '../azure/arm-access.ts';
import { DockwardenError } from '../errors.ts';
import { builtInDefinitionId, parsePolicyId } from '../resources/azure-policy.ts';
import { lenient, lenientObject } from '../resources/lenient.ts';
import { doctorVersions } from './api-versions.ts';

const Values = lenient(z.record(z.string(), lenientObject({ value: z.unknown().optional() })));
const Declared = lenient(z.record(z.string(), lenientObject({ defaultValue: z.unknown().optional() })));
const Assignment = z.object({
  id: z.string(),
  name: z.string(),
  properties: lenientObject({
    policyDefinitionId: lenient(z.string()),
    displayName: lenient(z.string()),
    enforcementMode: lenient(z.string()),
    parameters: Values,
    overrides: lenient(
      z.array(
        lenientObject({
          kind: lenient(z.string()),
          value: lenient(z.string()),
          selectors: lenient(z.array(z.unknown())),
        }),
      ),
    ),
  }),
});
type Assignment = Readonly<z.infer<typeof Assignment>>;
const Initiative = z.object({
  properties: z.object({
    parameters: Declared,
    policyDefinitions: z.array(z.object({ policyDefinitionId: z.string(), parameters: Values })),
  }),
});
const Definition = z.object({
  properties: lenientObject({
    parameters: Declared,
    policyRule: lenient(z.record(z.string(), z.unknown())),
  }),
});

const Consequence = lenientObject({ effect: lenient(z.string()) });

/** A built-in definition that an assignment brings to bear. */
export interface AssignedDefinition {
  /** GUID of the definition, in lower case. */
  readonly definition: string;
  readonly assignmentId: string;
  /** As people know the assignment. */
  readonly assignmentName: string;
  /** In lower case, such as `modify`; undefined = it cannot be told, so it may be any. */
  readonly effect: string | undefined;
}

/**
 * Which of these built-in definitions are assigned to the subscription, above it or below it, directly or in an initiative, and with which effect. What
 * is assigned with `DoNotEnforce` is left out: it changes nothing.
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
    if (data === undefined) throw new DockwardenError('AZURE_TRANSIENT', 'a policy assignment is not as it should be');
    if (data.properties.enforcementMode?.toLowerCase() === 'donotenforce') continue;
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
  if (direct !== undefined) return [await describe(arm, assignment, direct, parameters['effect']?.value)];
  if (parsePolicyId(policyDefinitionId).type !== 'policysetdefinitions') return [];
  const { properties } = Initiative.parse(await readInitiative(arm, policyDefinitionId));
  const found: AssignedDefinition[] = [];
  for (const member of properties.policyDefinitions) {
    const definition = matchDefinition(member.policyDefinitionId, wanted);
    if (definition === undefined) continue;
    const given = member.parameters?.['effect']?.value;
    const [, name] = typeof given === 'string' ? (/^\[parameters\('([^']+)'\)\]$/i.exec(given.trim()) ?? []) : [];
    const value = name === undefined ? given : (parameters[name]?.value ?? properties.parameters?.[name]?.defaultValue);
    found.push(await describe(arm, assignment, definition, value));
  }
  return found;
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

async function describe(
  arm: ArmAccess,
  { id, name, properties }: Assignment,
  definition: string,
  given: unknown,
): Promise<AssignedDefinition> {
  // An override for a part of the resources leaves the rest as it is.
  const override = properties.overrides?.find(
    ({ kind, selectors = [] }) => kind?.toLowerCase() === 'policyeffect' && selectors.length === 0,
  );
  const effect = override?.value ?? given ?? (await readDefaultEffect(arm, definition));
  return {
    definition,
    assignmentId: id,
    assignmentName: properties.displayName ?? name,
    effect: typeof effect === 'string' ? effect.toLowerCase() : undefined,
  };
}

/** What the definition does when an assignment says nothing about it. */
async function readDefaultEffect(arm: ArmAccess, guid: string): Promise<unknown> {
  const path = `/providers/Microsoft.Authorization/policyDefinitions/${guid}`;
  const { properties } = Definition.parse(await arm.get(path, doctorVersions.policy));
  // `[parameters('effect')]` in nearly all of them.
  const { effect } = Consequence.parse(properties.policyRule?.['then']);
  return effect === undefined || effect.startsWith('[') ? properties.parameters?.['effect']?.defaultValue : effect;
}
