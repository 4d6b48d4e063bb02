import { once } from 'node:events';
import { createServer } from 'node:net';

/** Can a server listen on this port of loopback now? */
export async function isPortFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
