import { readFileSync } from 'node:fs';
import tls from 'node:tls';
import { ManagedIdentityCredential, type TokenCredential } from '@azure/identity';
import { DockwardenError } from '../errors.ts';
import type { RunFile } from './run-file.ts';

/** Signs this process in to the local run as its operator, and makes it trust the certificates there. */
export function signInToRun(run: RunFile): TokenCredential {
  const operator = run.identities['operator'];
  if (operator === undefined) throw new DockwardenError('CONFIG_MISSING', 'run.json names no identity "operator"');
  tls.setDefaultCACertificates([...tls.getCACertificates('default'), readFileSync(run.caFile, 'utf8')]);
  process.env['IDENTITY_ENDPOINT'] = operator.endpoint;
  process.env['IDENTITY_HEADER'] = operator.header;
  return new ManagedIdentityCredential();
}
