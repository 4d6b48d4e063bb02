import { shellQuote } from '../../remediations/advice.ts';
import { type DoctorFinding, defineCheck } from '../check.ts';
import type { DeployedContext } from '../deployed.ts';
import { allows, coversScope, type Grant, takeAway } from '../grants.ts';
import { attempt } from '../not-checked.ts';
import type { StorageAccount } from '../storage-account.ts';

const codes = [
  'table-missing',
  'table-rights-missing',
  'storage-rights-missing',
  'audit-not-append-only',
  'storage-shared-keys',
  'storage-public-blobs',
] as const;
type Code = (typeof codes)[number];

const AUDIT_TABLE = 'audit';
/** Every table of the app; the template creates them. */
export const TABLES = [AUDIT_TABLE, 'findings', 'work', 'guards', 'alerts', 'nodes', 'tickets'] as const;

const ENTITIES = 'Microsoft.Storage/storageAccounts/tableServices/tables/entities';
/** What the app has to be able to do with rows. Of the audit it may only read and add. */
const APPEND = [`${ENTITIES}/read`, `${ENTITIES}/add/action`];
const CHANGE = [`${ENTITIES}/read`, `${ENTITIES}/write`, `${ENTITIES}/delete`];
/** What the Functions host and the app need of the whole account, and Azure's own role that gives it. */
const SERVICES = [
  {
    role: 'Storage Queue Data Contributor',
    actions: ['read', 'write', 'delete', 'process/action'].map(
      (verb) => `Microsoft.Storage/storageAccounts/queueServices/queues/messages/${verb}`,
    ),
  },
  {
    role: 'Storage Blob Data Owner',
    actions: ['read', 'write', 'delete'].map(
      (verb) => `Microsoft.Storage/storageAccounts/blobServices/containers/blobs/${verb}`,
    ),
  },
];
const REWRITES_ROWS = [`${ENTITIES}/write`, `${ENTITIES}/update/action`, `${ENTITIES}/delete`];
/** What leads around the permissions on rows: the table itself, and the keys of the account. */
const REWRITES_TABLE = [
  'Microsoft.Storage/storageAccounts/tableServices/tables/delete',
  'Microsoft.Storage/storageAccounts/tableServices/tables/write',
  'Microsoft.Storage/storageAccounts/listKeys/action',
  'Microsoft.Storage/storageAccounts/write',
  'Microsoft.Storage/storageAccounts/delete',
];

/** The tables are there, and the app may do with each what it has to, and with the audit nothing else. */
export const tablesCheck = defineCheck<DeployedContext, Code>({
  id: 'tables',
  title: 'the tables, and what the app may do with their rows',
  codes,
  async run(context) {
    return [
      ...(await checkPresence(context)),
      ...(await attempt('rights on tables', async () => await checkRights(context))),
    ];
  },
});

async function checkPresence(context: DeployedContext): Promise<readonly DoctorFinding<Code>[]> {
  const storage = await context.readStorage();
  const account = await context.readStorageAccount().catch(() => undefined);
  const findings: DoctorFinding<Code>[] = [];
  const role = account && { role: 'Storage Table Data Reader', scope: account.id };
  for (const table of TABLES) {
    const look = async (): Promise<readonly DoctorFinding<Code>[]> => {
      if (await storage.canReadTable(table)) return [];
      return [
        {
          severity: 'error',
          code: 'table-missing',
          subject: `table ${table}`,
          message:
            'The table is not there, and the app may not create it in Azure: nothing that belongs there can be kept.',
          command: `az storage table create --auth-mode login --account-name ${account === undefined ? '"${ACCOUNT:?set it to the storage account of the app}"' : shellQuote(account.name)} --name ${shellQuote(table)}`,
        },
      ];
    };
    findings.push(...(await attempt(`table ${table}`, look, role)));
  }
  return findings;
}

async function checkRights(context: DeployedContext): Promise<readonly DoctorFinding<Code>[]> {
  const account = await context.readStorageAccount();
  const { principalId } = await context.readIdentity();
  const grants = await context.readGrants(context.app.subscriptionId);
  return [
    ...findOpenings(account),
    ...TABLES.flatMap((table) => findMissingRights(account, table, grants, principalId)),
    ...findMissingServices(account, grants, principalId),
    ...findAuditWriters(account, grants, principalId),
  ];
}

/** Ways into the account that no role controls. */
function findOpenings({ id, allowsPublicBlobs, allowsSharedKeys }: StorageAccount): DoctorFinding<Code>[] {
  return [
    ...(allowsSharedKeys
      ? [
          {
            severity: 'error' as const,
            code: 'storage-shared-keys' as const,
            subject: id,
            message:
              'The account can be used with a shared key: whoever has it may rewrite the audit, and no role says who that is.',
            command: `az storage account update --ids ${shellQuote(id)} --allow-shared-key-access false`,
          },
        ]
      : []),
    ...(allowsPublicBlobs
      ? [
          {
            severity: 'warning' as const,
            code: 'storage-public-blobs' as const,
            subject: id,
            message:
              'Containers of the account can be made public; kept messages and the package of the app lie there.',
            command: `az storage account update --ids ${shellQuote(id)} --allow-blob-public-access false`,
          },
        ]
      : []),
  ];
}

function findMissingRights(
  account: StorageAccount,
  table: string,
  grants: readonly Grant[],
  principalId: string,
): DoctorFinding<Code>[] {
  const scope = tableScope(account, table);
  const needed = table === AUDIT_TABLE ? APPEND : CHANGE;
  const missing = needed.filter((action) => !mayDo(grants, scope, action));
  if (missing.length === 0) return [];
  const role =
    table === AUDIT_TABLE
      ? '"${AUDIT_ROLE:?set it to the custom role of the template that reads and adds rows}"'
      : shellQuote('Storage Table Data Contributor');
  return [
    {
      severity: 'error',
      code: 'table-rights-missing',
      subject: `table ${table}`,
      message: `The identity of the app lacks ${missing.map((action) => action.slice(ENTITIES.length + 1)).join(', ')} on rows of this table.`,
      command: `az role assignment create --assignee-object-id ${shellQuote(principalId)} --assignee-principal-type ServicePrincipal --role ${role} --scope ${shellQuote(scope)}`,
    },
  ];
}

function findMissingServices(
  { id }: StorageAccount,
  grants: readonly Grant[],
  principalId: string,
): DoctorFinding<Code>[] {
  return SERVICES.flatMap(({ actions, role }) => {
    const missing = actions.filter((action) => !mayDo(grants, id, action));
    if (missing.length === 0) return [];
    return [
      {
        severity: 'error',
        code: 'storage-rights-missing',
        subject: id,
        message: `The identity of the app lacks ${missing.join(', ')}: without that no function runs.`,
        command: `az role assignment create --assignee-object-id ${shellQuote(principalId)} --assignee-principal-type ServicePrincipal --role ${shellQuote(role)} --scope ${shellQuote(id)}`,
      },
    ];
  });
}

/** `add/action` and `update/action` are what `write` allows, too. */
function mayDo(grants: readonly Grant[], scope: string, action: string): boolean {
  const enough = action === `${ENTITIES}/add/action` ? [action, `${ENTITIES}/write`] : [action];
  return grants.some((grant) => coversScope(grant, scope) && enough.some((one) => allows(grant, one, 'dataActions')));
}

function findAuditWriters(
  account: StorageAccount,
  grants: readonly Grant[],
  principalId: string,
): DoctorFinding<Code>[] {
  const scope = tableScope(account, AUDIT_TABLE);
  return grants
    .filter((grant) => coversScope(grant, scope))
    .flatMap((grant) => {
      const rows = REWRITES_ROWS.filter((action) => allows(grant, action, 'dataActions'));
      const around = REWRITES_TABLE.filter((action) => allows(grant, action));
      const [first] = [...rows, ...around];
      if (first === undefined) return [];
      return [
        {
          severity: 'error' as const,
          code: 'audit-not-append-only' as const,
          subject: `table ${AUDIT_TABLE}`,
          message: `Role ${grant.roleName} at ${grant.scope === '' ? '/' : grant.scope} lets the app rewrite or delete its own audit (${first}).`,
          command: takeAway(grant, principalId),
        },
      ];
    });
}

function tableScope({ id }: StorageAccount, table: string): string {
  return `${id}/tableServices/default/tables/${table}`;
}
