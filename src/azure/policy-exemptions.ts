import { DockwardenError } from '../errors.ts';
import { parsePolicyId } from '../resources/azure-policy.ts';
import { parentOf, type ResourceId } from '../resources/resource-id.ts';
import { apiVersions } from './api-versions.ts';
import { type CallContext, defineRead } from './operation.ts';
import { getJson, type JsonObject, listJson } from './raw-arm.ts';

/**
 * Exemptions of Azure Policy at the resource, above it (management groups included) and below it, over ones as well. A key has none of its own: Azure
 * allows them down to its vault.
 */
export const listPolicyExemptions = defineRead({
  id: 'policyExemptions.list',
  actions: ['Microsoft.Authorization/policyExemptions/read'],
  async run(context: CallContext, target: ResourceId): Promise<readonly JsonObject[]> {
    return await listAt(context, target, 'policyExemptions');
  },
});

/** Assignments of Azure Policy at the resource, above it (management groups included) and below it. */
export const listPolicyAssignments = defineRead({
  id: 'policyAssignments.list',
  actions: ['Microsoft.Authorization/policyAssignments/read'],
  async run(context: CallContext, target: ResourceId): Promise<readonly JsonObject[]> {
    return await listAt(context, target, 'policyAssignments');
  },
});

/** One initiative by its id: of a subscription, of a management group, or built-in. */
export const readPolicySet = defineRead({
  id: 'policySetDefinitions.get',
  actions: ['Microsoft.Authorization/policySetDefinitions/read'],
  async run(context: CallContext, id: string): Promise<JsonObject> {
    const { name, scope, type } = parsePolicyId(id);
    // The id was written by whoever assigned the initiative: it must not lead to anything else.
    if (type !== 'policysetdefinitions' || !HOLDER.test(scope) || !NAME.test(name))
      throw new DockwardenError('AZURE_INVALID', `not the id of an initiative: ${JSON.stringify(id.slice(0, 200))}`);
    return await getJson(context, {
      path: `${scope}/providers/Microsoft.Authorization/policySetDefinitions/${encodeURIComponent(name)}`,
      apiVersion: apiVersions['Microsoft.Authorization/policySetDefinitions'],
    });
  },
});

/** Where initiatives lie, in lower case: '' is the tenant. */
const HOLDER =
  /^(?:\/subscriptions\/[0-9a-f-]{36}|\/providers\/microsoft\.management\/managementgroups\/[\w().-]{1,90})?$/;
/** https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules */
const NAME = /^[^<>*%&:\\?.+/\p{C}]{1,128}$/u;

async function listAt(
  context: CallContext,
  target: ResourceId,
  type: 'policyExemptions' | 'policyAssignments',
): Promise<readonly JsonObject[]> {
  const { id } = parentOf(target);
  return await listJson(context, {
    path: `${id}/providers/Microsoft.Authorization/${type}`,
    apiVersion: apiVersions[`Microsoft.Authorization/${type}`],
    resourceId: target.id,
  });
}
