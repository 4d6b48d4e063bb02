import { invalidContent } from '../errors.ts';
import { requireBody } from '../generic-resource.ts';
import { type Json, readString } from '../json.ts';
import type { Handler, Provider } from '../provider.ts';
import { readOnly } from './read-only.ts';

const VERSIONS = ['2025-01-01', '2024-01-01', '2023-05-01', '2022-09-01'];
const ACCOUNT = 'Microsoft.Storage/storageAccounts';
/** https://learn.microsoft.com/azure/storage/common/storage-account-overview#storage-account-name */
const NAME = /^[a-z0-9]{3,24}$/;

/** Names are the same for all of Azure: every subscription is looked through. */
const checkName: Handler = (call) => {
  const body = requireBody(call);
  const name = readString(body, 'name');
  if (name === undefined || readString(body, 'type')?.toLowerCase() !== ACCOUNT.toLowerCase()) {
    throw invalidContent(`'name' and 'type' (${ACCOUNT}) are required.`);
  }
  return { status: 200, body: judgeName(name, call.world.store.list('', ACCOUNT)) };
};

function judgeName(name: string, accounts: readonly { readonly name: string }[]): Json {
  if (!NAME.test(name)) {
    const message = `${name} is not a valid storage account name. Storage account name must be between 3 and 24 characters in length and use numbers and lower-case letters only.`;
    return { nameAvailable: false, reason: 'AccountNameInvalid', message };
  }
  if (accounts.some((account) => account.name === name)) {
    const message = `The storage account named ${name} is already taken.`;
    return { nameAvailable: false, reason: 'AlreadyExists', message };
  }
  return { nameAvailable: true };
}

/** Storage accounts and their services, to look at: the data is in the storage emulator. */
export const storage: Provider = {
  namespace: 'Microsoft.Storage',
  types: [
    {
      type: 'Microsoft.Storage',
      apiVersions: VERSIONS,
      actions: { checkNameAvailability: checkName },
      verbActions: { checkNameAvailability: 'Microsoft.Storage/checknameavailability/read' },
    },
    readOnly(ACCOUNT, VERSIONS),
    readOnly(`${ACCOUNT}/blobServices`, VERSIONS),
    readOnly(`${ACCOUNT}/blobServices/containers`, VERSIONS),
    readOnly(`${ACCOUNT}/queueServices`, VERSIONS),
    readOnly(`${ACCOUNT}/queueServices/queues`, VERSIONS),
    readOnly(`${ACCOUNT}/tableServices`, VERSIONS),
    readOnly(`${ACCOUNT}/tableServices/tables`, VERSIONS),
  ],
};
