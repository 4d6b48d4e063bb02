import { auditKey } from '../audit/audit-log.ts';
import { classifyAzureError } from '../azure/azure-error.ts';
import { listVaultKeys } from '../azure/key-vault.ts';
import type { DockwardenError } from '../errors.ts';
import { parentOf, type ResourceId } from '../resources/resource-id.ts';
import { isChildType } from '../resources/resource-map.ts';
import { AzureCalls } from './azure-calls.ts';
import type { EngineContext } from './ports.ts';
import { policiesFor } from './snapshot.ts';

/** Most vaults that the record of a sweep names one by one. */
const MAX_NAMED = 10;

/** The keys of the vaults that a sweep comes across: Resource Graph does not know them, so each vault costs one more call. */
export class KeyLists {
  readonly #context: EngineContext;
  readonly #calls: AzureCalls;
  /** Why the keys of a vault could not be listed, by the vault's lower-case id. */
  readonly #unlisted = new Map<string, DockwardenError>();

  constructor(context: EngineContext) {
    this.#context = context;
    this.#calls = new AzureCalls(context);
  }

  /** What the list shows of each key, raw; nothing for anything but a vault, while no policy judges keys, and when the vault's list cannot be read. */
  async keysOf(vault: ResourceId): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const { policies, settings, clock } = this.#context;
    if (vault.type !== 'Microsoft.KeyVault/vaults') return [];
    if (policiesFor(policies, settings, 'Microsoft.KeyVault/vaults/keys').length === 0) return [];
    try {
      return await this.#calls.read(listVaultKeys, vault);
    } catch (error) {
      this.#unlisted.set(vault.key, classifyAzureError(error, 'read', clock.now(), vault.id));
      return [];
    }
  }

  /** Does its absence say nothing, because the list that it would be in could not be read? */
  isUnlisted(target: ResourceId): boolean {
    return isChildType(target.type) && this.#unlisted.has(parentOf(target).key);
  }

  /** One row about all vaults whose keys could not be listed, if there are any. */
  async recordUnlisted(sweepId: string): Promise<void> {
    if (this.#unlisted.size === 0) return;
    const { audit, clock, log, settings, version } = this.#context;
    const named = [...this.#unlisted].slice(0, MAX_NAMED).map(([vault, error]) => `${vault}: ${error.message}`);
    const rest = this.#unlisted.size - named.length;
    const error = [...named, ...(rest > 0 ? [`and ${rest} more`] : [])].join('; ').slice(0, 8000);
    log.warn('sweep: keys of vaults not listed', { vaults: this.#unlisted.size });
    const now = clock.now();
    await audit.append(auditKey(now, this.#context.newRunId(now), 'input'), {
      time: now.toISOString(),
      stage: 'input',
      reason: 'keys-not-listed',
      causeKind: 'sweep',
      causeId: sweepId,
      error,
      configHash: settings.hash,
      version,
    });
  }
}
