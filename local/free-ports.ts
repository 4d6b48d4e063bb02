import { once } from 'node:events';
import { createServer } from 'node:net';

/** So many different ports of loopback that nobody listens on at the moment; somebody else may take one before it is used. */
export async function findFreePorts(count: number): Promise<readonly number[]> {
  // Held open together, so that they differ.
  const servers = Array.from({ length: count }, () => createServer());
  const ports: number[] = [];
  for (const server of servers) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port was given');
    ports.push(address.port);
  }
  await Promise.all(servers.map(async (server) => await once(server.close(), 'close')));
  return ports;
}
