import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { PolicyCases } from '../src/policy/policy-cases.ts';

const policyFolder = new URL('../src/policy/', import.meta.url);

export interface CasesFile {
  /** Relative to src/policy, with `/`. */
  readonly path: string;
  readonly content: PolicyCases;
}

/** The examples of all policies: the default exports of every `*.cases.ts`. */
export async function loadPolicyCases(): Promise<readonly CasesFile[]> {
  const paths = readdirSync(fileURLToPath(policyFolder), { recursive: true, encoding: 'utf8' })
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => path.endsWith('.cases.ts'))
    .toSorted();
  return await Promise.all(paths.map(async (path) => ({ path, content: await loadCases(path) })));
}

async function loadCases(path: string): Promise<PolicyCases> {
  const module: { readonly default: PolicyCases } = await import(new URL(path, policyFolder).href);
  return module.default;
}
