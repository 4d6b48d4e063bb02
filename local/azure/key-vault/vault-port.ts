import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { Certificates } from '../../certificates.ts';
import { listen, type Stop } from '../listen.ts';

type Listener = (request: IncomingMessage, response: ServerResponse) => void;

/** A port of loopback that listens before there is a vault to answer on it: ARM creates vaults at once, listening takes a moment. */
export class VaultPort {
  #listener: Listener | undefined;
  #stop: Stop | undefined;

  private constructor() {}

  static async open({ cert, key }: Pick<Certificates, 'cert' | 'key'>): Promise<VaultPort> {
    const port = new VaultPort();
    const server = createServer({ cert, key }, (request, response) => {
      if (port.#listener) port.#listener(request, response);
      else response.destroy();
    });
    port.#stop = await listen(server, 0, '127.0.0.1');
    return port;
  }

  /** `https://localhost:{port}` */
  get url(): string {
    return `https://localhost:${this.#stop?.port ?? 0}`;
  }

  /** From now on this answers. */
  attach(listener: Listener): void {
    this.#listener = listener;
  }

  async stop(): Promise<void> {
    await this.#stop?.();
  }
}
