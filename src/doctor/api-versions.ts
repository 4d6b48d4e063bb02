/** The api-version of every question that the doctor asks of Azure Resource Manager, pinned as those of the app are. */
export const doctorVersions = {
  sites: '2024-04-01',
  storageAccounts: '2023-05-01',
  roles: '2022-04-01',
  eventGrid: '2025-02-15',
  eventHub: '2024-01-01',
  automations: '2019-01-01-preview',
  subscriptions: '2022-12-01',
  // The assignment list with `enforcementMode`, and definitions of the same generation.
  policy: '2023-04-01',
} as const;
