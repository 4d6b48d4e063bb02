import { auditKey } from '../audit/audit-log.ts';
import { classifyAzureError } from '../azure/azure-error.ts';
import { findKeyUsers, type KeyUser } from '../azure/key-vault.ts';
import type { DockwardenError } from '../errors.ts';
import { formatWorkMessage } from '../events/work-message.ts';
import { VaultKey } from '../resources/key-vault.ts';
import { findResourceId } from '../resources/resource-id.ts';
import type { PendingCause } from '../work/work-items.ts';
import { markDirty } from './accept.ts';
import { causeColumns, resourceColumns } from './audit-rows.ts';
import { passOverDamaged } from './damaged-row.ts';
import { LIMITS } from './ports.ts';
import type { ResourcePass } from './resource-pass.ts';

const NEW_VERSION = 'microsoft.keyvault.keynewversioncreated';
const MINUTE = 60_000;
/** Waits between the times that Azure is asked who uses a key. */
const WAITS: readonly number[] = [MINUTE, 5 * MINUTE, 15 * MINUTE, 60 * MINUTE];
const AGAIN = /^(.*) asked again (\d)$/;
/** Longest text in a row. */
const MAX_TEXT = 2000;

/**
 * A key has a new version: those of its users that are covered are looked at again, and those that hold on to an old version are put on record,
 * because they stop when that is disabled. When Azure cannot tell who uses it, it is asked again later, which keeps nothing else waiting; that it will
 * not tell is on record.
 */
export async function recheckKeyUsers(pass: ResourcePass): Promise<void> {
  const cause = pass.causes.find(({ operation }) => operation?.toLowerCase() === NEW_VERSION);
  const { keyUri } = VaultKey.safeParse(pass.latest?.raw).data?.properties ?? {};
  if (cause === undefined || keyUri === undefined) return;
  const { calls, context, target } = pass;
  let users: readonly KeyUser[];
  try {
    users = await calls.read(findKeyUsers, target, keyUri);
  } catch (thrown) {
    const error = classifyAzureError(thrown, 'read', context.clock.now(), target.id);
    if (error.code !== 'AZURE_TRANSIENT' || !(await askAgain(pass, cause, error)))
      await recordNotice(pass, cause, 'key-users-unknown', error.message);
    return;
  }
  const pinned = users.filter(({ isPinned }) => isPinned).map(({ id }) => id);
  if (pinned.length > 0) {
    const text = `these stay on the version that they name, and stop when it is disabled: ${pinned.join(', ')}`;
    await recordNotice(pass, cause, 'key-users-pinned', text);
  }
  for (const { id } of users) {
    const user = findResourceId(id);
    const ofKey = { ...withoutState(cause), id: `${cause.id} of its key` };
    if (user !== undefined) await passOverDamaged(context, user, async () => await markDirty(context, user, ofKey));
  }
}

/** Later, and with a cause of its own. False when it has been tried often enough. */
async function askAgain(
  { context, target }: ResourcePass,
  cause: PendingCause,
  error: DockwardenError,
): Promise<boolean> {
  const [, first = cause.id, tries = '0'] = AGAIN.exec(cause.id) ?? [];
  const wait = WAITS[Number(tries)];
  if (wait === undefined) return false;
  const delayMs = Math.min(Math.max(wait, error.details.retryAfterMs ?? 0), LIMITS.message);
  const again = { ...withoutState(cause), id: `${first} asked again ${Number(tries) + 1}` };
  context.log.warn('who uses a key is not known yet', { resourceId: target.id, error: error.message, delayMs });
  await context.queue.send(formatWorkMessage({ resourceId: target, cause: again }), delayMs);
  return true;
}

async function recordNotice(
  { context, target }: ResourcePass,
  cause: PendingCause,
  reason: 'key-users-pinned' | 'key-users-unknown',
  text: string,
): Promise<void> {
  const now = context.clock.now();
  await context.audit.append(auditKey(now, context.newRunId(now), 'notice'), {
    time: now.toISOString(),
    stage: 'notice',
    reason,
    ...resourceColumns(target),
    ...causeColumns(cause),
    error: text.slice(0, MAX_TEXT),
    configHash: context.settings.hash,
    version: context.version,
  });
}

/** The cause itself, without where it stands in this row. */
function withoutState({ queuedAt: _queuedAt, isSeen: _isSeen, ...cause }: PendingCause) {
  return cause;
}
