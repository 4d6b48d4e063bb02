import * as z from 'zod';
import type { ArmAccess } from '../azure/arm-access.ts';
import { DockwardenError } from '../errors.ts';
import { lenient, lenientObject } from '../resources/lenient.ts';
import type { Settings } from '../settings/settings.ts';
import { doctorVersions } from './api-versions.ts';
import type { AppId } from './app-id.ts';

/** The app's storage account as a resource. */
export interface StorageAccount {
  readonly id: string;
  readonly name: string;
  readonly allowsSharedKeys: boolean;
  readonly allowsPublicBlobs: boolean;
}

const Account = z.object({
  id: z.string(),
  name: z.string(),
  properties: lenientObject({
    primaryEndpoints: lenientObject({ table: lenient(z.string()) }),
    allowSharedKeyAccess: lenient(z.boolean()),
    allowBlobPublicAccess: lenient(z.boolean()),
  }),
});

/** The account in the app's subscription that has the table endpoint of the settings. Absent properties are what Azure does without them. */
export async function findStorageAccount(
  arm: ArmAccess,
  { subscriptionId }: AppId,
  { storage }: Pick<Settings, 'storage'>,
): Promise<StorageAccount> {
  const wanted = storage.table?.replace(/\/+$/, '').toLowerCase();
  if (wanted === undefined) {
    throw new DockwardenError('CONFIG_MISSING', 'the settings of the app do not say where its tables are');
  }
  const items = await arm.list(
    `/subscriptions/${subscriptionId}/providers/Microsoft.Storage/storageAccounts`,
    doctorVersions.storageAccounts,
  );
  const accounts = items.flatMap((item) => Account.safeParse(item).data ?? []);
  const found = accounts.find(
    ({ properties }) => properties.primaryEndpoints.table?.replace(/\/+$/, '').toLowerCase() === wanted,
  );
  if (found === undefined) {
    throw new DockwardenError(
      'AZURE_NOT_FOUND',
      `no storage account of subscription ${subscriptionId} that you may read has the endpoint ${storage.table ?? ''}`,
      { resourceId: `/subscriptions/${subscriptionId}` },
    );
  }
  const { id, name, properties } = found;
  return {
    id,
    name,
    allowsSharedKeys: properties.allowSharedKeyAccess !== false,
    allowsPublicBlobs: properties.allowBlobPublicAccess !== false,
  };
}
