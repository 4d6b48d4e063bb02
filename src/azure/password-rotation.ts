import type { SecretClient } from '@azure/keyvault-secrets';
import { DockwardenError, type ErrorDetails } from '../errors.ts';
import type { ResourceId } from '../resources/resource-id.ts';
import { Answers } from './answers.ts';
import { classifyAzureError } from './azure-error.ts';
import { renewPassword } from './container-registry.ts';
import { type CallContext, defineWrite } from './operation.ts';
import { explainRefusal, refusalOf } from './vault-errors.ts';

/** Tag of a stored password: the run that made it. */
const RUN_TAG = 'dockwarden-run';
/** Longest value of a tag. */
const MAX_TAG = 256;

/** The vault keeps a deleted secret of this name, and takes no new one until somebody recovers or purges it. */
const DELETED_SECRET = 'ObjectIsDeletedButRecoverable';

export const rotateAndStorePassword = defineWrite({
  id: 'registries.rotateAndStorePassword',
  actions: ['Microsoft.ContainerRegistry/registries/regenerateCredential/action'],
  dataActions: [
    'Microsoft.KeyVault/vaults/secrets/readMetadata/action',
    'Microsoft.KeyVault/vaults/secrets/setSecret/action',
  ],
  repeatable: false,
  /**
   * Renews `password2` and stores it as secret `<registry>-password2`, tagged with the run. When a run about the same violation has stored one
   * already, somebody may have taken it, so nothing is rotated again. A vault that does not answer is found out before anything is rotated. The password is never anywhere but
   * in here and in the vault.
   */
  async run(context: CallContext, target: ResourceId, vaultUri: string) {
    const { runId } = context;
    if (runId === undefined) throw new DockwardenError('INTERNAL_INVARIANT', 'a password is rotated within a run only');
    const name = `${target.name}-password2`;
    const vault = await context.clients.vaults.secrets(vaultUri);
    if (await isStored(context, vault, name)) return;
    const password = await renewPassword(context, target, 'password2');
    if (password === undefined)
      throw new DockwardenError('AZURE_UNKNOWN_RESULT', 'the answer to a rotation does not name password2');
    const tags = { [RUN_TAG]: runId, registry: target.id.slice(0, MAX_TAG), password: 'password2' };
    const answers = new Answers(context);
    try {
      // It has time of its own: what is renewed and not stored is lost.
      const options = { contentType: 'text/plain', tags, ...answers.options(context.operationSignal) };
      await vault.setSecret(name, password, options);
    } catch (error) {
      throw notStored(answers, error, vaultUri);
    }
  },
});

/** Has this run, or one about the same violation before it, stored its password? Reads no value. */
async function isStored(context: CallContext, vault: SecretClient, name: string): Promise<boolean> {
  const answers = new Answers(context);
  try {
    for await (const { tags } of vault.listPropertiesOfSecretVersions(name, answers.options(context.signal))) {
      const run = tags?.[RUN_TAG];
      if (run !== undefined && context.isSameViolation?.(run) === true) return true;
    }
    return false;
  } catch (thrown) {
    const error = classifyAzureError(explainRefusal(answers, thrown, vault.vaultUrl), 'read', new Date());
    if (error.details.serviceCode === 'SecretNotFound') return false;
    // Nothing was rotated. That the vault is not there says nothing about the registry.
    throw error.code === 'AZURE_NOT_FOUND' ? new DockwardenError('AZURE_INVALID', error.message, error.details) : error;
  }
}

/**
 * The error for a new password that is not, or may not be, in the vault. A passing one makes a new run, which rotates again: nobody holds this password.
 * No cause, and none of the vault's words: the client's error holds the request, and with it the password.
 */
function notStored(answers: Answers, thrown: unknown, vaultUri: string): DockwardenError {
  const error = answers.isSuccess ? undefined : answers.explain(thrown);
  const { code, details } = classifyAzureError(error, 'write', new Date());
  const { status, serviceCode, retryAfterMs } = details;
  const known: ErrorDetails = {
    ...(status !== undefined && { status }),
    ...(serviceCode !== undefined && { serviceCode }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
  const { host } = new URL(vaultUri);
  if (code === 'AZURE_UNKNOWN_RESULT') {
    return new DockwardenError(code, `password2 was renewed, and ${host} does not say whether it has stored it`, known);
  }
  const lost = 'password2 was renewed and not stored, so nobody has it, and it is renewed again at the next try';
  if (code === 'AZURE_DENIED') {
    const refusal = refusalOf(answers, vaultUri);
    return new DockwardenError(code, `${refusal.message}. ${lost}`, refusal.details);
  }
  if (answers.innerCode === DELETED_SECRET) {
    const remedy = 'a deleted secret of that name has to be recovered or purged';
    return new DockwardenError('AZURE_INVALID', `${host}: ${remedy}. ${lost}`, {
      ...known,
      serviceCode: DELETED_SECRET,
    });
  }
  const why = serviceCode ?? status ?? 'no connection';
  const isGone = code === 'AZURE_NOT_FOUND';
  return new DockwardenError(isGone ? 'AZURE_INVALID' : code, `${host} answers ${why}. ${lost}`, known);
}
