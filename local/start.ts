/** `npm start`: Dockwarden on this machine against a simulated Azure; with `--scenario` something happens in it, with `--once` it ends then. */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatAuditLine } from './audit-line.ts';
import { type AuditWatch, openAudit, watchAudit } from './audit-watch.ts';
import { DEPLOYED } from './azure/sample-deployment-ids.ts';
import { SAMPLE_SUBSCRIPTION_ID, sampleId } from './azure/sample-subscription.ts';
import { type LocalEnvironment, startEnvironment } from './environment.ts';
import { isPortFree } from './ports.ts';
import { findRun, RUN_DIRECTORY, removeRunFile, writeRunFile } from './run-file.ts';
import { scenarios } from './scenario/catalogue.ts';
import { runScenario } from './scenario/run-scenario.ts';
import type { Scenario } from './scenario/scenario.ts';
import { DEFAULT_SCENARIO, parseStartOptions, type StartOptions, usage } from './start-options.ts';

const EXIT = { ok: 0, failed: 1, usage: 2, killed: 130 } as const;
const DEFAULT_PORT = 7071;
/** Who can be signed in as: everybody but Event Grid's own identity. */
const IDENTITIES = ['dockwarden', 'operator', 'automation'];

async function main(): Promise<number> {
  let options: StartOptions;
  try {
    options = parseStartOptions(process.argv.slice(2));
  } catch (error) {
    console.error(`${messageOf(error)}\n\n${usage}`);
    return EXIT.usage;
  }
  if (options.help) {
    console.log(usage);
    return EXIT.ok;
  }
  const taken = await findTakenPort(options);
  if (taken !== undefined) {
    console.error(taken);
    return EXIT.usage;
  }
  const interrupted = listenForInterrupts();
  try {
    return options.once ? await runOnce(options, interrupted) : await runUntilInterrupted(options, interrupted);
  } catch (error) {
    console.error(`\n${messageOf(error)}`);
    return EXIT.failed;
  }
}

async function findTakenPort({ port, armPort }: StartOptions): Promise<string | undefined> {
  for (const [option, wanted] of Object.entries({ '--port': port, '--arm-port': armPort })) {
    if (wanted !== undefined && !(await isPortFree(wanted)))
      return `port ${wanted} (${option}) is taken: choose another`;
  }
  return undefined;
}

/** Settles at the first signal; the second ends the process, and with it its children, at once. */
function listenForInterrupts(): AbortSignal {
  const interrupt = new AbortController();
  const onSignal = (): void => {
    if (interrupt.signal.aborted) process.exit(EXIT.killed);
    interrupt.abort(new Error('interrupted'));
  };
  // Also when the terminal is closed: the emulator and the host are in process groups of their own and would stay.
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, onSignal);
  return interrupt.signal;
}

async function runUntilInterrupted(options: StartOptions, interrupted: AbortSignal): Promise<number> {
  const { directory } = options;
  const other = await findRun(directory);
  if (other !== undefined) {
    console.error(`npm start runs already (process ${other.pid}, Functions host at ${other.functions})`);
    return EXIT.failed;
  }
  const scenario = options.scenario === undefined ? undefined : scenarios[options.scenario];
  const environment = await start(options, directory, scenario);
  const tell = (): AuditWatch =>
    watchAudit(openAudit(environment), (record) => {
      const line = formatAuditLine(record);
      if (line !== undefined) console.log(line);
    });
  let watch: AuditWatch | undefined;
  try {
    // A scenario tells of itself what happens while it plays.
    if (scenario === undefined) watch = tell();
    await announce(environment, options);
    if (scenario !== undefined) await playOnTheWay(scenario, environment, interrupted);
    else if (!interrupted.aborted) await environment.sweep();
    watch ??= tell();
    const crash = await waitForEnd(environment, interrupted);
    if (crash === undefined) console.log('\nstopping');
    else console.error(`\n${crash}; see ${join(directory, 'host.log')}`);
    return crash === undefined ? EXIT.ok : EXIT.failed;
  } finally {
    await watch?.stop();
    await removeRunFile(directory);
    await environment.stop();
  }
}

/** What comes of the scenario is there to be looked at, also when it is not what it should be. */
async function playOnTheWay(
  scenario: Scenario,
  environment: LocalEnvironment,
  interrupted: AbortSignal,
): Promise<void> {
  try {
    await runScenario(scenario, environment, endingWith(environment, interrupted));
  } catch (error) {
    if (!interrupted.aborted) console.error(`\n${messageOf(error)}`);
  }
  if (!interrupted.aborted) console.log('\nIt keeps running, with all that the scenario has left. Ctrl-C ends it.\n');
}

/** Uses a folder of its own, so that it runs beside a running `npm start`; the folder stays when something went wrong. */
async function runOnce(options: StartOptions, interrupted: AbortSignal): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'dockwarden-once-'));
  const scenario = scenarios[options.scenario ?? DEFAULT_SCENARIO];
  let isKept = true;
  try {
    const environment = await start(options, directory, scenario);
    try {
      const passed = await runScenario(scenario, environment, endingWith(environment, interrupted));
      isKept = !passed;
      return passed ? EXIT.ok : EXIT.failed;
    } finally {
      await environment.stop();
    }
  } finally {
    if (isKept && !interrupted.aborted) console.error(`host's log: ${join(directory, 'host.log')}`);
    else await rm(directory, { recursive: true, force: true });
  }
}

/** Aborted by Ctrl-C, and when a process ends that nobody has stopped. */
function endingWith(environment: LocalEnvironment, interrupted: AbortSignal): AbortSignal {
  const crash = new AbortController();
  void environment.crashed.then((what) => crash.abort(new Error(what)));
  return AbortSignal.any([interrupted, crash.signal]);
}

async function start(
  options: StartOptions,
  directory: string,
  scenario: Scenario | undefined,
): Promise<LocalEnvironment> {
  const { armPort, port } = options;
  const isDefaultFree = port === undefined && (await isPortFree(DEFAULT_PORT));
  console.log('Dockwarden on this machine, against a simulated Azure (no account, loopback only)');
  return await startEnvironment({
    directory,
    hasVault: true,
    ...(scenario?.settings !== undefined && { settings: scenario.settings }),
    functionsPort: port ?? (isDefaultFree ? DEFAULT_PORT : 0),
    ...(armPort !== undefined && { armPort }),
    onProgress: (what) => console.log(`  starting ${what}`),
  });
}

async function announce(environment: LocalEnvironment, { directory, scenario: played }: StartOptions): Promise<void> {
  const { caFile, simulator, storage } = environment;
  const functions = environment.host().url;
  // Other commands look into the default folder.
  const where = directory === RUN_DIRECTORY ? '' : ` --directory '${directory}'`;
  await writeRunFile(directory, {
    pid: process.pid,
    arm: simulator.armEndpoint,
    caFile,
    identities: Object.fromEntries(IDENTITIES.map((name) => [name, simulator.identityEndpoint(name)])),
    functions,
    functionKey: environment.functionKey,
    storage: { ...storage, account: new URL(storage.blob).pathname.slice(1) },
    subscriptionId: SAMPLE_SUBSCRIPTION_ID,
    app: DEPLOYED.site,
  });
  console.log(`
  Functions host   ${functions}  (health: ${functions}/api/health)
  simulated ARM    ${simulator.armEndpoint}
  storage          ${storage.blob}
                   ${storage.queue}
                   ${storage.table}
  host's log       ${join(directory, 'host.log')}

${played === undefined ? 'All remediations are set to enforce here' : `Scenario ${played} sets what remediations may do`}, for this sample only: a deployment starts with observe.

Break something, in another terminal – with the Azure CLI:
  eval "$(npm run -s azure -- env${where})"
  az acr update -n contosoacr --admin-enabled true
or without it:
  npm run -s azure -- PATCH ${sampleId('contosoacr')} '{"properties":{"adminUserEnabled":true}}'${where}

Look into what came of it:
  npm run -s dockwarden -- audit list${where}
  npm run -s dockwarden -- tickets list${where}
  npm run -s dockwarden -- doctor${where}

Ctrl-C ends it. What is decided and done, as the audit table has it (${played === undefined ? 'the first sweep' : 'the scenario'} starts now):
`);
}

/** Undefined = interrupted; else what has ended by itself. */
async function waitForEnd({ crashed }: LocalEnvironment, interrupted: AbortSignal): Promise<string | undefined> {
  if (interrupted.aborted) return undefined;
  const interrupt = once(interrupted, 'abort').then(() => undefined);
  return await Promise.race([interrupt, crashed]);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

process.exitCode = await main();
