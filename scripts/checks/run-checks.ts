import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { createSampleIdentities } from '../../local/azure/sample-subscription.ts';
import { type AzureSimulator, type Seed, startAzureSimulator } from '../../local/azure/simulator.ts';
import { createCertificates } from '../../local/certificates.ts';

/** The simulated Azure for one run of a check against a real program. */
export interface CheckedAzure {
  readonly simulator: AzureSimulator;
  /** Own folder of the run, removed afterwards. */
  readonly directory: string;
  /** Authority to trust, PEM file. */
  readonly caFile: string;
}

/** Something that must hold; `holds` resolves to false or rejects when it does not. */
export interface Check {
  readonly what: string;
  readonly holds: () => Promise<boolean>;
}

/** Starts the simulated Azure, which this process trusts from here on, and stops it afterwards. */
export async function withSimulatedAzure(seed: Seed, use: (azure: CheckedAzure) => Promise<number>): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'dockwarden-check-'));
  try {
    const certificates = await createCertificates(join(directory, 'certificates'));
    const { caFile } = certificates;
    tls.setDefaultCACertificates([...tls.getCACertificates('default'), await readFile(caFile, 'utf8')]);
    const simulator = await startAzureSimulator({ certificates, seed, identities: createSampleIdentities([]) });
    try {
      return await use({ simulator, directory, caFile });
    } finally {
      await simulator.stop();
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Runs checks in their order, prints what became of each, and returns the exit code. */
export async function runChecks(checks: readonly Check[]): Promise<number> {
  let failed = 0;
  for (const { holds, what } of checks) {
    const problem = await findProblem(holds());
    if (problem !== undefined) failed += 1;
    console.log(problem === undefined ? `✓ ${what}` : `✗ ${what}\n${problem}`);
  }
  console.log(`${checks.length - failed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

async function findProblem(check: Promise<boolean>): Promise<string | undefined> {
  try {
    return (await check) ? undefined : '  it answered something else';
  } catch (error) {
    return `  ${error instanceof Error ? error.message.trim() : String(error)}`;
  }
}
