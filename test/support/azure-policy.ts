import type { JsonObject } from '../../local/azure/json.ts';
import { ASSIGNMENT_TYPE } from '../../local/azure/policy/assignments.ts';
import { builtInId, SET_TYPE } from '../../local/azure/policy/built-ins.ts';
import type { RawResource } from '../../local/azure/resource-store.ts';
import { SAMPLE_SUBSCRIPTION_ID } from '../../local/azure/sample-ids.ts';

export const SUBSCRIPTION = `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}`;
/** Audits that the admin user of registries is off, and turns it off. */
export const AUDIT_ADMIN_USER = builtInId('dc921057-6b28-4fbe-9b83-f7bec05db6c2');
export const MODIFY_ADMIN_USER = builtInId('79fdfe03-ffcb-4e55-b4d0-b925b8241759');
/** Of the same service, and about something else. */
export const ANONYMOUS_PULL = builtInId('cced2946-b08a-44fe-9fd9-e4ed8a779897');

function policyObject(type: string, scope: string, name: string, properties: JsonObject): RawResource {
  return { id: `${scope}/providers/${type}/${name}`, name, type, properties };
}

/** An assignment of a definition or an initiative. */
export function assignment(policyDefinitionId: string, scope = SUBSCRIPTION, name = 'security'): RawResource {
  return policyObject(ASSIGNMENT_TYPE, scope, name, { policyDefinitionId, enforcementMode: 'Default' });
}

/** An initiative of these definitions, whose reference ids are `ref1`, `ref2`, … */
export function initiative(definitionIds: readonly string[], scope = SUBSCRIPTION): RawResource {
  const policyDefinitions = definitionIds.map((policyDefinitionId, i) => ({
    policyDefinitionId,
    policyDefinitionReferenceId: `ref${i + 1}`,
  }));
  return policyObject(SET_TYPE, scope, 'baseline', { policyType: 'Custom', policyDefinitions });
}

/** A waiver from an assignment. */
export function exemption(of: RawResource, scope: string, properties: JsonObject = {}, name = 'waiver'): RawResource {
  return policyObject('Microsoft.Authorization/policyExemptions', scope, name, {
    policyAssignmentId: of.id,
    exemptionCategory: 'Waiver',
    ...properties,
  });
}
