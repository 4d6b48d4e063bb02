/**
 * `npm run check:infra`: the real Bicep compiler over every template – no warning, one format – and rules about what they would bring up.
 * Skipped, and said so, where there is neither `bicep` nor `dotnet`. Writes nothing into the project.
 */
import { fileURLToPath } from 'node:url';
import { runChecks } from './checks/run-checks.ts';
import { BICEP_VERSION, findBicep } from './infra/bicep.ts';
import { listChecks } from './infra/infra-checks.ts';
import { createWorkspace } from './infra/workspace.ts';

const project = fileURLToPath(new URL('..', import.meta.url));

async function main(): Promise<number> {
  const bicep = await findBicep();
  if (bicep === undefined) {
    console.log(
      'skipped: neither bicep nor dotnet is installed (dotnet restores the compiler from NuGet; or name one in BICEP)',
    );
    return 0;
  }
  console.log(`${bicep.version} (${bicep.path})`);
  if (!bicep.version.includes(BICEP_VERSION))
    console.log(`the project is written for ${BICEP_VERSION}: another release may warn of other things`);
  const workspace = await createWorkspace(project, bicep);
  try {
    return await runChecks(listChecks(workspace));
  } finally {
    await workspace.remove();
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
