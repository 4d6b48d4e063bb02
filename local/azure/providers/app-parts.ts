import type { Provider } from '../provider.ts';
import { readOnly } from './read-only.ts';

/** Identities that are resources, to look at: who they are and what they may do is in `identities.ts`. */
export const managedIdentity: Provider = {
  namespace: 'Microsoft.ManagedIdentity',
  types: [readOnly('Microsoft.ManagedIdentity/userAssignedIdentities', ['2023-01-31', '2024-11-30'])],
};

/** Workspaces, to look at. */
export const operationalInsights: Provider = {
  namespace: 'Microsoft.OperationalInsights',
  types: [readOnly('Microsoft.OperationalInsights/workspaces', ['2023-09-01', '2022-10-01'])],
};
