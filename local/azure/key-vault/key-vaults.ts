import type { Certificates } from '../../certificates.ts';
import { withProperty } from '../resource-store.ts';
import type { KeySeed } from './key-vault-seed.ts';
import { isVault, ServedVault, type VaultSurroundings } from './served-vault.ts';
import { VaultPort } from './vault-port.ts';

export interface KeyVaultsOptions extends VaultSurroundings {
  readonly certificates: Pick<Certificates, 'cert' | 'key'>;
}

/** Ports that listen and wait: so many vaults can be created in one go. */
const STOCK = 4;

/** The data planes of all vaults, by ARM id. */
export class KeyVaults {
  readonly #options: KeyVaultsOptions;
  readonly #served = new Map<string, ServedVault>();
  readonly #ports: VaultPort[] = [];
  readonly #stock: VaultPort[] = [];
  #filling: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(options: KeyVaultsOptions) {
    this.#options = options;
  }

  /** Serves every vault that ARM has, with the keys it starts with. */
  async start(keys: readonly KeySeed[]): Promise<void> {
    const vaults = this.#options.store.list('').filter(isVault);
    await this.#fill(STOCK + vaults.length);
    for (const { id } of vaults) this.find(id);
    for (const key of keys) this.find(key.vaultId)?.seedKey(key);
  }

  /** The data plane of a vault that ARM has; undefined for any other id. */
  find(vaultId: string): ServedVault | undefined {
    const { store } = this.#options;
    const vault = store.find(vaultId);
    if (vault === undefined || !isVault(vault)) return undefined;
    const known = this.#served.get(vault.id.toLowerCase());
    if (known !== undefined) return known;
    const url = this.prepare(vault.id);
    store.write(withProperty(vault, 'vaultUri', `${url}/`));
    return this.#served.get(vault.id.toLowerCase());
  }

  /** The address of a vault that is about to be created, or was before: it answers as soon as ARM knows the vault. */
  prepare(vaultId: string): string {
    const key = vaultId.toLowerCase();
    const known = this.#served.get(key);
    if (known !== undefined) return known.url;
    const port = this.#stock.pop();
    if (port === undefined) throw new Error('too many vaults at once: no port is ready for another one');
    this.#ports.push(port);
    const vault = new ServedVault(vaultId, port, this.#options);
    this.#served.set(key, vault);
    this.#filling = this.#filling.then(async () => await this.#fill(STOCK));
    return vault.url;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#filling;
    await Promise.all([...this.#ports, ...this.#stock].map(async (port) => await port.stop()));
  }

  async #fill(count: number): Promise<void> {
    while (this.#stock.length < count && !this.#isStopped) {
      this.#stock.push(await VaultPort.open(this.#options.certificates));
    }
  }
}
