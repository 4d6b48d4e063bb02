import { auditKey } from '../audit/audit-log.ts';
import { classifyAzureError } from '../azure/azure-error.ts';
import { findKeyUsers, type KeyUser } from '../azure/key-vault.ts';
import { VaultKey } from '../resources/key-vault.ts';
import { findResourceId } from '../resources/resource-id.ts';
import type { PendingCause } from '../work/work-items.ts';
import { markDirty } from './accept.ts';
import { causeColumns, resourceColumns } from './audit-rows.ts';
import type { ResourcePass } from './resource-pass.ts';

const NEW_VERSION = 'microsoft.keyvault.keynewversioncreated';
/** Longest list of users in a row. */
const MAX_LIST = 2000;

/**
 * A key has a new version: those of its users that are covered are looked at again, and those that hold on to an old version are put on record,
 * because they stop when that is disabled. What Resource Graph does not tell, the sweep finds out.
 */
export async function recheckKeyUsers(pass: ResourcePass): Promise<void> {
  const cause = pass.causes.find(({ operation }) => operation?.toLowerCase() === NEW_VERSION);
  const { keyUri } = VaultKey.safeParse(pass.latest?.raw).data?.properties ?? {};
  if (cause === undefined || keyUri === undefined) return;
  const users = await readUsers(pass, keyUri);
  const pinned = users.filter(({ isPinned }) => isPinned);
  if (pinned.length > 0) await recordPinned(pass, cause, pinned);
  for (const { id } of users) {
    const user = findResourceId(id);
    if (user !== undefined)
      await markDirty(pass.context, user, { ...withoutState(cause), id: `${cause.id} of its key` });
  }
}

async function readUsers({ calls, context, target }: ResourcePass, keyUri: string): Promise<readonly KeyUser[]> {
  try {
    return await calls.read(findKeyUsers, target, keyUri);
  } catch (error) {
    const { message } = classifyAzureError(error, 'read', context.clock.now(), target.id);
    context.log.warn('who uses a key is not known', { resourceId: target.id, error: message });
    return [];
  }
}

async function recordPinned(
  { context, target }: ResourcePass,
  cause: PendingCause,
  pinned: readonly KeyUser[],
): Promise<void> {
  const now = context.clock.now();
  const list = pinned.map(({ id }) => id).join(', ');
  await context.audit.append(auditKey(now, context.newRunId(now), 'notice'), {
    time: now.toISOString(),
    stage: 'notice',
    reason: 'key-users-pinned',
    ...resourceColumns(target),
    ...causeColumns(cause),
    error: `these stay on the version that they name, and stop when it is disabled: ${list}`.slice(0, MAX_LIST),
    configHash: context.settings.hash,
    version: context.version,
  });
}

/** The cause itself, without where it stands in this row. */
function withoutState({ queuedAt: _queuedAt, isSeen: _isSeen, ...cause }: PendingCause) {
  return cause;
}
