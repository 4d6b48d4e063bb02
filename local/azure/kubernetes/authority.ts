import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Certificates } from '../../certificates.ts';

/** A server certificate for loopback and the authority that has signed it, PEM. */
export type Authority = Pick<Certificates, 'ca' | 'cert' | 'key'>;

/** Makes an authority that nobody has seen before. */
export async function createAuthority(): Promise<Authority> {
  // Loaded when it is needed: most simulators are given their certificates.
  const { createCertificates } = await import('../../certificates.ts');
  const directory = await mkdtemp(join(tmpdir(), 'dockwarden-authority-'));
  try {
    const { ca, cert, key } = await createCertificates(directory);
    return { ca, cert, key };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
