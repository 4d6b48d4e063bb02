import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createCertificates } from '../../local/certificates.ts';

test('the server certificate is good for loopback names and signed by an authority that may sign', async () => {
  const parent = await mkdtemp(join(tmpdir(), 'certificates-'));

  const made = await createCertificates(join(parent, 'new', 'folder'));
  const authority = new X509Certificate(made.ca);
  const server = new X509Certificate(made.cert);

  expect(authority.ca).toBe(true);
  expect(server.ca).toBe(false);
  expect(server.checkIssued(authority)).toBe(true);
  expect(server.verify(authority.publicKey)).toBe(true);
  expect([server.checkHost('localhost'), server.checkIP('127.0.0.1')]).toEqual(['localhost', '127.0.0.1']);
  expect(server.checkIP('::1')).toBeDefined();
  expect(server.checkHost('contoso.example')).toBeUndefined();
  expect(Date.parse(server.validTo) - Date.parse(server.validFrom)).toBe(30 * 86_400_000);
  expect(await readFile(made.caFile, 'utf8')).toBe(made.ca);
  expect((await stat(made.keyFile)).mode.toString(8)).toMatch(/600$/);
  await rm(parent, { recursive: true, force: true });
});
