import * as z from 'zod';
import { lenient, lenientObject } from './lenient.ts';
import { Tags } from './tags.ts';

/**
 * One entry of `properties.agentPoolProfiles`, or an agent pool of its own flattened to the same names.
 * A malformed entry reads as an empty one: it must not hide its neighbours.
 */
export const AgentPool = lenientObject({
  name: lenient(z.string()),
  osType: lenient(z.string()),
  osSKU: lenient(z.string()),
  count: lenient(z.number()),
  nodeImageVersion: lenient(z.string()),
  provisioningState: lenient(z.string()),
  powerState: lenientObject({ code: lenient(z.string()) }),
});
export type AgentPool = z.infer<typeof AgentPool>;

/** `Microsoft.ContainerService/managedClusters` as ARM returns it (raw names, api-version 2026-04-01); only what policies read. */
export const ManagedCluster = z.object({
  id: z.string(),
  name: z.string(),
  tags: Tags,
  /** `createdBy` is whoever created the resource as Azure shows it: a user principal name or an application id. */
  systemData: lenientObject({ createdBy: lenient(z.string()) }),
  properties: lenientObject({
    provisioningState: lenient(z.string()),
    powerState: lenientObject({ code: lenient(z.string()) }),
    /** Host of the API server; a private cluster has only the second. */
    fqdn: lenient(z.string()),
    privateFQDN: lenient(z.string()),
    autoUpgradeProfile: lenientObject({ nodeOSUpgradeChannel: lenient(z.string()) }),
    aadProfile: lenientObject({ managed: lenient(z.boolean()), enableAzureRBAC: lenient(z.boolean()) }),
    apiServerAccessProfile: lenientObject({
      enablePrivateCluster: lenient(z.boolean()),
      disableRunCommand: lenient(z.boolean()),
    }),
    agentPoolProfiles: z.array(AgentPool).catch([]),
  }),
});
export type ManagedCluster = z.infer<typeof ManagedCluster>;

/** Can an agent pool be called this? Lower-case letters and digits, 12 at most, a letter first: no id of an alert is like that. */
export function isAgentPoolName(text: string): boolean {
  return /^[a-z][a-z0-9]{0,11}$/.test(text);
}
