import { once } from 'node:events';
import type { Server as HttpServer } from 'node:http';
import type { Server as HttpsServer } from 'node:https';

/** Stops a listening server together with its open connections; `port` is where it listens. */
export interface Stop {
  (): Promise<void>;
  readonly port: number;
}

/** Starts listening on a loopback address; port 0 takes a free one. */
export async function listen(server: HttpServer | HttpsServer, port: number, host: string): Promise<Stop> {
  server.listen(port, host);
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  async function stop(): Promise<void> {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  }
  return Object.assign(stop, { port: address.port });
}
