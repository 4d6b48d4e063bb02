import type { IdentityDefinition, RoleAssignment } from './identities.ts';
import { DEPLOYED, ENVIRONMENT, STORED, tableId } from './sample-deployment-ids.ts';
import { SAMPLE_SUBSCRIPTION_ID } from './sample-ids.ts';

const STORAGE = 'Microsoft.Storage/storageAccounts';
const ENTITIES = `${STORAGE}/tableServices/tables/entities`;
const MESSAGES = `${STORAGE}/queueServices/queues/messages`;
const BLOBS = `${STORAGE}/blobServices/containers/blobs`;

/** Name of one of the custom roles of the deployment, by its key. */
export function customRoleName(key: string): string {
  return `Dockwarden ${key} (${ENVIRONMENT}, ${SAMPLE_SUBSCRIPTION_ID.slice(0, 8)})`;
}

/** Azure's own roles as far as they are about data. The storage emulator knows no roles: whoever has a token may do everything in it. */
const BLOB_OWNER = {
  actions: [`${STORAGE}/blobServices/containers/*`, `${STORAGE}/blobServices/generateUserDelegationKey/action`],
  dataActions: [`${BLOBS}/*`],
  roleName: 'Storage Blob Data Owner',
};
const QUEUE_CONTRIBUTOR = {
  actions: ['delete', 'read', 'write'].map((verb) => `${STORAGE}/queueServices/queues/${verb}`),
  dataActions: ['delete', 'read', 'write', 'process/action'].map((verb) => `${MESSAGES}/${verb}`),
  roleName: 'Storage Queue Data Contributor',
};
const TABLE_CONTRIBUTOR = {
  actions: ['read', 'write', 'delete'].map((verb) => `${STORAGE}/tableServices/tables/${verb}`),
  dataActions: ['read', 'write', 'delete', 'add/action', 'update/action'].map((verb) => `${ENTITIES}/${verb}`),
  roleName: 'Storage Table Data Contributor',
};

/** What the app's identity holds at its storage, and where its telemetry goes. */
export const APP_STORAGE_ROLES: readonly RoleAssignment[] = [
  { scope: DEPLOYED.storage, ...BLOB_OWNER },
  { scope: DEPLOYED.storage, ...QUEUE_CONTRIBUTOR },
  ...STORED.tables.filter((name) => name !== 'audit').map((name) => ({ scope: tableId(name), ...TABLE_CONTRIBUTOR })),
  {
    scope: tableId('audit'),
    actions: [],
    dataActions: [`${ENTITIES}/read`, `${ENTITIES}/add/action`],
    roleName: customRoleName('audit'),
  },
  {
    scope: DEPLOYED.insights,
    actions: [],
    dataActions: ['Microsoft.Insights/Metrics/Write', 'Microsoft.Insights/Telemetry/Write'],
    roleName: 'Monitoring Metrics Publisher',
  },
];

/** Identity of the system topics, which may put messages into the queue and knows nothing of ARM. */
export const EVENT_GRID: IdentityDefinition = {
  name: 'event-grid',
  objectId: '00000000-0000-4000-8000-000000000091',
  clientId: '00000000-0000-4000-8000-000000000092',
  principalType: 'ServicePrincipal',
  displayName: 'evgt-dockwarden',
  roleAssignments: [
    {
      scope: DEPLOYED.queue,
      actions: [],
      dataActions: [`${MESSAGES}/add/action`],
      roleName: 'Storage Queue Data Message Sender',
    },
    {
      scope: DEPLOYED.deadLetters,
      actions: [`${STORAGE}/blobServices/containers/write`, `${STORAGE}/blobServices/containers/read`],
      dataActions: ['read', 'write', 'delete', 'move/action', 'add/action'].map((verb) => `${BLOBS}/${verb}`),
      roleName: 'Storage Blob Data Contributor',
    },
  ],
};

/** Defender for Cloud, as who its continuous export sends to the hub. */
export const DEFENDER: IdentityDefinition = {
  name: 'defender',
  objectId: '00000000-0000-4000-8000-000000000093',
  clientId: '00000000-0000-4000-8000-000000000094',
  principalType: 'ServicePrincipal',
  displayName: 'Windows Azure Security Resource Provider',
  roleAssignments: [
    {
      scope: DEPLOYED.hub,
      actions: [],
      dataActions: ['Microsoft.EventHub/namespaces/messages/send/action'],
      roleName: 'Azure Event Hubs Data Sender',
    },
  ],
};
