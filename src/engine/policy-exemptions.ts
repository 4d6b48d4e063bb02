import { classifyAzureError } from '../azure/azure-error.ts';
import { listPolicyAssignments, listPolicyExemptions, readPolicySet } from '../azure/policy-exemptions.ts';
import type { JsonObject } from '../azure/raw-arm.ts';
import type { DockwardenError } from '../errors.ts';
import type { Policy } from '../policy/define-policy.ts';
import {
  builtInDefinitionId,
  isManagementGroup,
  PolicyAssignment,
  PolicyExemption,
  PolicySetDefinition,
  parsePolicyId,
  selects,
} from '../resources/azure-policy.ts';
import type { ResourceId } from '../resources/resource-id.ts';
import { isChildType } from '../resources/resource-map.ts';
import type { AzureCalls } from './azure-calls.ts';
import { cleanText, type ReadExemption } from './exemptions.ts';
import type { Snapshot } from './snapshot.ts';

/** What Azure has said about one read of the resource. Each question is asked once, and a refusal stays one. */
interface Asked {
  readonly body: unknown;
  exemptions?: Promise<readonly JsonObject[]>;
  assignments?: Promise<readonly JsonObject[]>;
  readonly sets: Map<string, Promise<unknown>>;
}

/** Is this exemption about the control? `unclear` = it cannot be told, and so counts as one that may be. */
type Relevance = { readonly is: boolean } | { readonly unclear: string };

/** The exemptions of Azure Policy from built-in definitions of the same control. One per pass over a resource. */
export class PolicyExemptions {
  readonly #calls: AzureCalls;
  readonly #target: ResourceId;
  /** Who exempted something may be named, and not only an application's id. */
  readonly #names: boolean;
  #asked: Asked | undefined;

  constructor(calls: AzureCalls, target: ResourceId, { actorNames }: { readonly actorNames: boolean }) {
    this.#calls = calls;
    this.#target = target;
    this.#names = actorNames;
  }

  /**
   * What they say about one policy for the resource as it was read. Costs no call where the policy has no equal in Azure Policy, one list where
   * nothing is exempted, a second one where something is, and one read for each initiative. Throws a classified error when Azure does not answer.
   */
  async find(policy: Policy, snapshot: Snapshot, now: Date): Promise<ReadExemption> {
    const wanted = sameControl(policy);
    if (wanted.size === 0) return { state: 'none' };
    const asked = this.#about(snapshot);
    asked.exemptions ??= this.#calls.read(listPolicyExemptions, this.#target);
    const problems: string[] = [];
    const valid: PolicyExemption[] = [];
    let failure: DockwardenError | undefined;
    for (const raw of await asked.exemptions) {
      const read = PolicyExemption.safeParse(raw);
      if (!read.success) {
        problems.push(`exemption ${nameIn(raw)} is not of a form that is known`);
        continue;
      }
      const exemption = read.data;
      const { expiresOn } = exemption.properties;
      if ((expiresOn !== undefined && expiresOn <= now) || !this.#covers(exemption)) continue;
      try {
        const relevance = await this.#judge(exemption, asked, wanted, snapshot);
        if ('unclear' in relevance) problems.push(relevance.unclear);
        else if (relevance.is) valid.push(exemption);
      } catch (thrown) {
        failure ??= classifyAzureError(thrown, 'read', now, this.#target.id);
      }
    }
    const [longest] = valid.toSorted((one, other) => endOf(other) - endOf(one));
    if (longest !== undefined) return this.#describe(longest);
    if (failure !== undefined) throw failure;
    const [problem] = problems;
    return problem === undefined ? { state: 'none' } : { state: 'unreadable', problem };
  }

  /** Another read of the resource is another question. */
  #about({ raw }: Snapshot): Asked {
    if (this.#asked?.body !== raw) this.#asked = { body: raw, sets: new Map() };
    return this.#asked;
  }

  /** The list also holds what is below the resource. */
  #covers({ id }: PolicyExemption): boolean {
    const { scope } = parsePolicyId(id);
    return isManagementGroup(scope) || `${this.#target.key}/`.startsWith(`${scope}/`);
  }

  async #judge(
    exemption: PolicyExemption,
    asked: Asked,
    wanted: ReadonlySet<string>,
    snapshot: Snapshot,
  ): Promise<Relevance> {
    const relevance = await this.#isAbout(exemption, asked, wanted);
    if ('unclear' in relevance || !relevance.is) return relevance;
    const { location } = snapshot.raw;
    // What Azure Policy takes a key of a vault for is not documented.
    const type = isChildType(this.#target.type) ? undefined : this.#target.type;
    const chosen = selects(exemption.properties.resourceSelectors, {
      type,
      location: typeof location === 'string' ? location : undefined,
    });
    return chosen === 'unclear'
      ? { unclear: `whether the selectors of exemption ${nameIn(exemption)} choose the resource cannot be told` }
      : { is: chosen };
  }

  /** Does it exempt from a definition of the control, which an assignment names itself or through its initiative? */
  async #isAbout(exemption: PolicyExemption, asked: Asked, wanted: ReadonlySet<string>): Promise<Relevance> {
    const { policyAssignmentId, policyDefinitionReferenceIds } = exemption.properties;
    const listed = await this.#assignment(policyAssignmentId, asked);
    if ('unclear' in listed) return listed;
    if (listed.definitionId === undefined) return { is: false };
    const { definitionId } = listed;
    if (wanted.has(definitionId)) return { is: true };
    if (parsePolicyId(definitionId).type !== 'policysetdefinitions') return { is: false };
    const pending = asked.sets.get(definitionId) ?? this.#calls.read(readPolicySet, definitionId);
    asked.sets.set(definitionId, pending);
    const set = PolicySetDefinition.safeParse(await pending);
    if (!set.success) return { unclear: `initiative ${cleanText(definitionId)} is not of a form that is known` };
    const references = new Set(policyDefinitionReferenceIds.map((id) => id.toLowerCase()));
    const held = set.data.properties.policyDefinitions.filter(
      ({ policyDefinitionReferenceId: id }) => references.size === 0 || references.has(id.toLowerCase()),
    );
    return { is: held.some(({ policyDefinitionId }) => wanted.has(policyDefinitionId.toLowerCase())) };
  }

  /** The definition (lower case) of an assignment that holds at the resource; without one when there is no such assignment. */
  async #assignment(
    id: string,
    asked: Asked,
  ): Promise<{ readonly definitionId?: string } | { readonly unclear: string }> {
    asked.assignments ??= this.#calls.read(listPolicyAssignments, this.#target);
    const listed = await asked.assignments;
    const raw = listed.find((candidate) => idIn(candidate) === id.toLowerCase());
    if (raw === undefined) {
      if (listed.some((candidate) => idIn(candidate) === undefined))
        return { unclear: 'the list of assignments holds one of a form that is not known' };
      // The list is complete within the subscription: what is not in it exempts from nothing. Of a management group it may hide something.
      return isManagementGroup(parsePolicyId(id).scope)
        ? { unclear: `the assignment ${cleanText(id)}, which an exemption names, is not listed at the resource` }
        : {};
    }
    const assignment = PolicyAssignment.safeParse(raw);
    return assignment.success
      ? { definitionId: assignment.data.properties.policyDefinitionId.toLowerCase() }
      : { unclear: `assignment ${cleanText(id)} is not of a form that is known` };
  }

  #describe({ name, properties, systemData }: PolicyExemption): ReadExemption {
    const { description, displayName, exemptionCategory, expiresOn, metadata, policyAssignmentId } = properties;
    const by = systemData.lastModifiedBy ?? systemData.createdBy;
    const isNamed = by !== undefined && (this.#names || GUID.test(by));
    const ticket = cleanText(metadata.ticketRef ?? '');
    return {
      state: 'valid',
      reason: cleanText(description ?? '') || cleanText(displayName ?? '') || 'no reason is given',
      ...(expiresOn !== undefined && { expires: expiresOn }),
      ...(ticket !== '' && { ticket }),
      ...(isNamed && { by: cleanText(by) }),
      exemption: cleanText(name),
      assignment: cleanText(parsePolicyId(policyAssignmentId).name),
      category: cleanText(exemptionCategory),
    };
  }
}

const GUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Ids (lower case) of the built-in definitions that are about exactly this control. A copy of one is not: nobody can tell what it says. */
function sameControl({ frameworks }: Policy): ReadonlySet<string> {
  const definitions = frameworks?.azurePolicy ?? [];
  return new Set(definitions.filter(({ match }) => match === 'same').map(({ id }) => builtInDefinitionId(id)));
}

function endOf({ properties: { expiresOn } }: PolicyExemption): number {
  return expiresOn?.getTime() ?? Infinity;
}

function idIn({ id }: JsonObject): string | undefined {
  return typeof id === 'string' ? id.toLowerCase() : undefined;
}

function nameIn({ name }: Readonly<Record<string, unknown>>): string {
  return typeof name === 'string' ? JSON.stringify(cleanText(name)) : 'without a name';
}
