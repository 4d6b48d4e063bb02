/**
 * `npm run check:redmine`: our adapter against a real Redmine. Takes the one of REDMINE_URL and REDMINE_SEED (path of the JSON that a seed prints);
 * else installs and starts one, where this is root on a Debian; else says that it was skipped.
 */
import { checkedRedmine, type RedmineCheck, redmineChecks } from './redmine/redmine-checks.ts';
import { findRedmine, type RedmineTarget } from './redmine/redmine-target.ts';

async function main(): Promise<number> {
  const target = await findRedmine(process.env);
  if (typeof target === 'string') {
    console.log(
      `skipped: no Redmine: ${target} (run it as root on Debian 12, or set REDMINE_URL and REDMINE_SEED: scripts/redmine/seed.rb)`,
    );
    return 0;
  }
  // The server has a session of its own, so that Ctrl+C does not reach it.
  process.once('SIGINT', () => void target.stop().finally(() => process.exit(130)));
  try {
    return await checkAll(target);
  } finally {
    await target.stop();
  }
}

async function checkAll(target: RedmineTarget): Promise<number> {
  const checked = checkedRedmine(target);
  const results = { passed: 0, failed: 0 };
  for (const check of redmineChecks) {
    if (check.needs !== undefined && target[check.needs] === undefined) {
      console.log(`- ${check.what} (not checked: the seed has no ${check.needs})`);
      continue;
    }
    const problem = await findProblem(check, checked);
    results[problem === undefined ? 'passed' : 'failed'] += 1;
    console.log(problem === undefined ? `✓ ${check.what}` : `✗ ${check.what}\n  ${problem}`);
  }
  console.log(`${results.passed} passed, ${results.failed} failed`);
  return results.failed === 0 ? 0 : 1;
}

async function findProblem(check: RedmineCheck, checked: Parameters<RedmineCheck['findProblem']>[0]) {
  try {
    return await check.findProblem(checked);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
