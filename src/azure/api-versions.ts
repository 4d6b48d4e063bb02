/**
 * The api-version of every raw call, by resource type. Pinned: a newer version may rename or default a property that a policy reads.
 * Newest stable versions whose published definitions we hold (2025-11-01 and 2026-04-01 are also those of the SDK clients).
 */
export const apiVersions = {
  'Microsoft.ContainerRegistry/registries': '2025-11-01',
  'Microsoft.ContainerService/managedClusters': '2026-04-01',
  'Microsoft.ContainerInstance/containerGroups': '2023-05-01',
  'Microsoft.KeyVault/vaults': '2023-07-01',
  'Microsoft.KeyVault/vaults/keys': '2023-07-01',
  'Microsoft.App/containerApps': '2024-03-01',
  // Exemptions have never had a stable version.
  'Microsoft.Authorization/policyExemptions': '2022-07-01-preview',
  'Microsoft.Authorization/policyAssignments': '2023-04-01',
  'Microsoft.Authorization/policySetDefinitions': '2023-04-01',
  'Microsoft.Resources/tags': '2022-09-01',
  'Microsoft.Resources/resourceGroups': '2022-09-01',
} as const;
