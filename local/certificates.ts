import { randomBytes, webcrypto } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
// The library's injector needs it to be there first.
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';

/** A private certificate authority and one server certificate for loopback names, all PEM, in memory and as files. */
export interface Certificates {
  /** Certificate of the authority: what clients must trust (`tlsOptions.ca`, NODE_EXTRA_CA_CERTS, REQUESTS_CA_BUNDLE). */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

const VALID_DAYS = 30;
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const LOOPBACK = [
  { type: 'dns', value: 'localhost' },
  { type: 'ip', value: '127.0.0.1' },
  { type: 'ip', value: '::1' },
] as const;

/** Makes the certificates and writes them into `directory` (created when missing); the authority's own key is not kept. */
export async function createCertificates(directory: string): Promise<Certificates> {
  const start = new Date(Date.now() - 3_600_000);
  const validity = { notBefore: start, notAfter: new Date(start.getTime() + VALID_DAYS * 86_400_000) };
  const authorityKeys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const serverKeys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);

  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity,
    serialNumber: serialNumber(),
    name: 'CN=Dockwarden local authority',
    keys: authorityKeys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(authorityKeys.publicKey),
    ],
  });
  const server = await x509.X509CertificateGenerator.create({
    ...validity,
    serialNumber: serialNumber(),
    subject: 'CN=localhost',
    issuer: authority.subject,
    publicKey: serverKeys.publicKey,
    signingKey: authorityKeys.privateKey,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension(['1.3.6.1.5.5.7.3.1']),
      new x509.SubjectAlternativeNameExtension([...LOOPBACK]),
      await x509.SubjectKeyIdentifierExtension.create(serverKeys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(authorityKeys.publicKey),
    ],
  });

  const privateKey = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', serverKeys.privateKey));
  const ca = pem(authority.toString('pem'));
  const cert = pem(server.toString('pem'));
  const key = pem(`-----BEGIN PRIVATE KEY-----\n${wrap(privateKey.toString('base64'))}\n-----END PRIVATE KEY-----`);
  const files = {
    caFile: join(directory, 'ca.pem'),
    certFile: join(directory, 'server.pem'),
    keyFile: join(directory, 'server-key.pem'),
  };
  await mkdir(directory, { recursive: true });
  await writeFile(files.caFile, ca);
  await writeFile(files.certFile, cert);
  await writeFile(files.keyFile, key, { mode: 0o600 });
  return { ca, cert, key, ...files };
}

/** Positive and random, as RFC 5280 §4.1.2.2 asks. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString('hex');
}

function wrap(base64: string): string {
  return base64.replaceAll(/(.{64})(?=.)/g, '$1\n');
}

function pem(text: string): string {
  return `${text.trim()}\n`;
}
