import { randomUUID } from 'node:crypto';
import { formatEventTime, type ResourceEvent } from '../events.ts';

/** What has happened to a version of a key or secret. */
export interface VaultHappening {
  readonly vaultId: string;
  readonly vaultName: string;
  readonly objectType: 'Key' | 'Secret';
  readonly what: 'NewVersionCreated' | 'NearExpiry' | 'Expired';
  /** Full identifier with version. */
  readonly id: string;
  readonly objectName: string;
  readonly version: string;
  /** Unix seconds. */
  readonly nbf: number | undefined;
  readonly exp: number | undefined;
  readonly now: Date;
}

/**
 * The event of the vault's own topic. The members are spelt as in the published samples: a blank after `ObjectName`, one before the version.
 * https://learn.microsoft.com/azure/event-grid/event-schema-key-vault
 */
export function createVaultEvent(happening: VaultHappening): ResourceEvent {
  const { exp, id, nbf, now, objectName, objectType, vaultId, vaultName, version, what } = happening;
  return {
    id: randomUUID(),
    topic: vaultId,
    subject: objectName,
    eventType: `Microsoft.KeyVault.${objectType}${what}`,
    eventTime: formatEventTime(now),
    dataVersion: '1',
    metadataVersion: '1',
    data: {
      Id: id,
      VaultName: vaultName,
      ObjectType: objectType,
      'ObjectName ': objectName,
      Version: ` ${version}`,
      NBF: nbf === undefined ? null : String(nbf),
      EXP: exp === undefined ? null : String(exp),
    },
  };
}
