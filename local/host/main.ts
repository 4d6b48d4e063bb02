import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type Host, runHost } from './host.ts';
import { parseKeys } from './keys.ts';
import { createLog, describeError, type Log } from './log.ts';
import { readHostConfiguration, readLocalSettings } from './settings.ts';

const usage = `Usage: node local/host/main.ts --app <deploy folder> [options]
  --port <n>                  port on loopback, 0 = any free one (default 7071)
  --json-log                  one JSON object per line
  --hard-kill                 a signal ends the process at once: nothing is drained, no hook runs
  --keys <list>               function=…,master=…,eventgrid=…; without it every endpoint is open
  --receive-visibility <s>    seconds a queue message is held while its function runs (default 600)`;

const { values } = parseArgs({
  options: {
    app: { type: 'string' },
    port: { type: 'string', default: '7071' },
    'json-log': { type: 'boolean', default: false },
    'hard-kill': { type: 'boolean', default: false },
    keys: { type: 'string' },
    'receive-visibility': { type: 'string', default: '600' },
  },
});

if (values.app === undefined) {
  console.error(usage);
  process.exit(2);
}
await main(resolve(values.app));

async function main(folder: string): Promise<void> {
  Object.assign(process.env, readLocalSettings(folder, process.env));
  process.env['AZURE_FUNCTIONS_ENVIRONMENT'] ??= 'Development';
  // The worker changes into the app's folder before it loads the entry.
  process.chdir(folder);
  const configuration = readHostConfiguration(folder, process.env);
  const log = createLog({
    json: values['json-log'],
    thresholds: configuration.logging.logLevel,
    write: (line) => process.stdout.write(`${line}\n`),
  });
  const worker: { host?: Host; lost: boolean } = { lost: false };
  const loseWorker = (reason: Error): void => {
    if (worker.lost) return;
    worker.lost = true;
    log('Critical', 'Worker', `The worker process is lost: ${describeError(reason)}`);
    void (worker.host?.loseWorker(reason) ?? Promise.resolve()).finally(() => process.exit(1));
  };
  // An unhandled rejection arrives here as well; the real worker exits with code 1 on either.
  process.on('uncaughtException', loseWorker);
  const keys = values.keys ?? process.env['LOCAL_HOST_KEYS'];
  // It is the host's own, and no setting of the app.
  delete process.env['LOCAL_HOST_KEYS'];
  worker.host = await runHost({
    folder,
    configuration,
    environment: process.env,
    port: Number(values.port),
    keys: keys === undefined ? undefined : parseKeys(keys),
    receiveVisibilitySeconds: Number(values['receive-visibility']),
    log,
    onWorkerLost: loseWorker,
  });
  endOnSignal(worker.host, log);
}

function endOnSignal(host: Host, log: Log): void {
  let ending = false;
  const end = (signal: NodeJS.Signals): void => {
    if (values['hard-kill'] || ending) process.exit(ending ? 1 : 137);
    ending = true;
    log('Information', 'Host.Shutdown', `${signal}: stopping`);
    void host.stop().finally(() => process.exit(0));
  };
  process.on('SIGTERM', end);
  process.on('SIGINT', end);
}
