import * as z from 'zod';
import { lenient, lenientObject } from './lenient.ts';

/** `{scope}/providers/Microsoft.Authorization/<type>/<name>`; an empty scope is the tenant. */
const POLICY_ID = /^(.*)\/providers\/microsoft\.authorization\/(policy[a-z]+)\/([^/]+)$/i;
const MANAGEMENT_GROUP = /^\/providers\/microsoft\.management\/managementgroups\/[^/]+$/i;
/** UTC as Azure documents it; an offset is taken as well, and without either it is UTC. */
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(Z|[+-]\d{2}:\d{2})?$/i;

const texts = () =>
  z
    .array(z.string())
    .nullish()
    .transform((value) => value ?? []);

/** A moment, or nothing. Text that is no time fails the whole reader. */
const end = () =>
  z
    .string()
    .nullish()
    .transform((value, context) => {
      if (value === undefined || value === null) return undefined;
      const zone = TIME.exec(value);
      const time = zone === null ? Number.NaN : Date.parse(zone[1] === undefined ? `${value}Z` : value);
      if (!Number.isNaN(time)) return new Date(time);
      context.addIssue({ code: 'custom', message: 'not a time' });
      return z.NEVER;
    });

const Selector = z.object({
  kind: z.string(),
  in: z.array(z.string()).nullish(),
  notIn: z.array(z.string()).nullish(),
});

/** One of several groups of conditions; a resource has to meet all conditions of a group. */
const ResourceSelector = z.object({ selectors: z.array(Selector).readonly() });
export type ResourceSelector = Readonly<z.infer<typeof ResourceSelector>>;

/**
 * An exemption of Azure Policy. Strict where its meaning depends on it: one that cannot be read has to be told from none. Lenient in what is only
 * shown. https://learn.microsoft.com/azure/governance/policy/concepts/exemption-structure
 */
export const PolicyExemption = z.object({
  id: z.string().regex(POLICY_ID),
  name: z.string(),
  properties: z.object({
    policyAssignmentId: z.string().regex(POLICY_ID),
    /** Empty = all definitions of the assignment. */
    policyDefinitionReferenceIds: texts(),
    /** `Waiver` or `Mitigated`. */
    exemptionCategory: z.string(),
    /** Undefined = without end. */
    expiresOn: end(),
    resourceSelectors: z
      .array(ResourceSelector)
      .nullish()
      .transform((value) => value ?? []),
    displayName: lenient(z.string()),
    description: lenient(z.string()),
    metadata: lenientObject({ ticketRef: lenient(z.string()) }),
  }),
  systemData: lenientObject({ createdBy: lenient(z.string()), lastModifiedBy: lenient(z.string()) }),
});
export type PolicyExemption = Readonly<z.infer<typeof PolicyExemption>>;

/** Of a definition or an initiative. One that cannot be taken apart may well mean the control: it is no other's. */
const definitionId = () => z.string().regex(POLICY_ID);

/** An assignment of a definition or an initiative. */
export const PolicyAssignment = z.object({
  id: z.string().regex(POLICY_ID),
  name: z.string(),
  properties: z.object({ policyDefinitionId: definitionId() }),
});
export type PolicyAssignment = Readonly<z.infer<typeof PolicyAssignment>>;

/** An initiative: which definitions it holds, each under a reference id. */
export const PolicySetDefinition = z.object({
  id: z.string().regex(POLICY_ID),
  properties: z.object({
    policyDefinitions: z
      .array(z.object({ policyDefinitionId: definitionId(), policyDefinitionReferenceId: z.string() }))
      .readonly(),
  }),
});
export type PolicySetDefinition = Readonly<z.infer<typeof PolicySetDefinition>>;

/** Where an object of Azure Policy lies, in lower case ('' = the tenant), of which type it is, and its name. */
export function parsePolicyId(id: string): { readonly scope: string; readonly type: string; readonly name: string } {
  const [, scope = '', type = '', name = ''] = POLICY_ID.exec(id) ?? [];
  return { scope: scope.toLowerCase(), type: type.toLowerCase(), name };
}

/** Is this scope (lower case) a management group? */
export function isManagementGroup(scope: string): boolean {
  return MANAGEMENT_GROUP.test(scope);
}

/** Id of a built-in definition, in lower case: only those belong to the tenant. */
export function builtInDefinitionId(guid: string): string {
  return `/providers/microsoft.authorization/policydefinitions/${guid.toLowerCase()}`;
}

/** Type and location of a resource, as selectors compare them. */
export interface Selectable {
  /** Undefined = it cannot be told what the selectors compare. */
  readonly type: string | undefined;
  readonly location: string | undefined;
}

/**
 * Do the selectors choose this resource? `unclear`: one of them is of a kind that says nothing about such a resource, or the groups disagree; what several
 * groups mean together is not documented for exemptions.
 */
export function selects(selectors: readonly ResourceSelector[], resource: Selectable): boolean | 'unclear' {
  const answers = new Set(selectors.map((group) => selectsByGroup(group, resource)));
  if (answers.size === 0) return true;
  const [answer] = answers;
  return answers.size > 1 || answer === undefined ? 'unclear' : answer;
}

function selectsByGroup({ selectors }: ResourceSelector, resource: Selectable): boolean | 'unclear' {
  const answers = selectors.map((selector) => selectsByOne(selector, resource));
  if (answers.includes(false)) return false;
  return answers.includes('unclear') ? 'unclear' : true;
}

function selectsByOne(selector: z.infer<typeof Selector>, { location, type }: Selectable): boolean | 'unclear' {
  const value = { resourcelocation: location, resourcetype: type }[selector.kind.toLowerCase()];
  const listed = selector.in ?? selector.notIn;
  if (value === undefined || listed === undefined || listed === null) return 'unclear';
  if (selector.in !== undefined && selector.in !== null && selector.notIn !== undefined && selector.notIn !== null)
    return 'unclear';
  const isListed = listed.some((one) => fold(one) === fold(value));
  return selector.in === undefined || selector.in === null ? !isListed : isListed;
}

/** `West Europe` and `westeurope` are the same place. */
function fold(text: string): string {
  return text.replaceAll(' ', '').toLowerCase();
}
