import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const CLOUD = 'dockwarden-local';
/** Without these `az acr` refuses to work. */
const SUFFIXES = ['--suffix-acr-login-server-endpoint', '.azurecr.io', '--suffix-keyvault-dns', '.vault.azure.net'];

/** What became of the request to sign `az` in. */
export type AzLogin = 'signed-in' | 'was-signed-in' | 'az-missing';

/**
 * Registers the simulated Azure as a cloud of the Azure CLI and signs in with the identity of the environment, once per run and identity. All
 * output of `az` goes to standard error. Rejects with the step that failed.
 */
export async function loginAz(environment: Readonly<Record<string, string>>, arm: string): Promise<AzLogin> {
  const configuration = environment['AZURE_CONFIG_DIR'] ?? '';
  const marker = join(configuration, 'signed-in');
  const wanted = `${arm} ${environment['IDENTITY_ENDPOINT']} ${environment['IDENTITY_HEADER']}`;
  if ((await readFile(marker, 'utf8').catch(() => '')) === wanted) return 'was-signed-in';
  if (!(await runAz(['version'], environment, 'silent'))) return 'az-missing';
  // A cloud of an earlier run names another port and another certificate.
  await rm(configuration, { recursive: true, force: true });
  const steps = [
    ['cloud', 'register', '--name', CLOUD, '--endpoint-resource-manager', arm],
    ['cloud', 'update', '--name', CLOUD, ...SUFFIXES],
    ['cloud', 'set', '--name', CLOUD],
    ['login', '--identity', '--output', 'none', '--only-show-errors'],
  ];
  for (const step of steps) {
    if (!(await runAz(step, environment, 'show'))) throw new Error(`az ${step.join(' ')} failed`);
  }
  await writeFile(marker, wanted, { mode: 0o600 });
  return 'signed-in';
}

async function runAz(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
  output: 'show' | 'silent',
): Promise<boolean> {
  const stream = output === 'show' ? process.stderr : 'ignore';
  const child = spawn('az', args, { env: { ...process.env, ...environment }, stdio: ['ignore', stream, stream] });
  try {
    const [code] = await once(child, 'exit');
    return code === 0;
  } catch {
    return false; // not installed
  }
}
