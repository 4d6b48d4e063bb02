import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { RUN_DIRECTORY } from './run-file.ts';
import { type ScenarioName, scenarios } from './scenario/catalogue.ts';

export interface StartOptions {
  readonly once: boolean;
  /** Undefined = none is played, unless `once` asks for one. */
  readonly scenario: ScenarioName | undefined;
  readonly help: boolean;
  /** Undefined = 7071, or any free one when that is taken. */
  readonly port: number | undefined;
  /** Undefined = any free one. */
  readonly armPort: number | undefined;
  readonly directory: string;
}

/** What `--once` plays when nothing is said. */
export const DEFAULT_SCENARIO: ScenarioName = 'drift';

const scenarioLines = Object.entries(scenarios).map(([name, { summary }]) => `  ${name.padEnd(9)}${summary}`);

export const usage = `Usage: npm start -- [options]

Runs Dockwarden against a simulated Azure on this machine, without an account.
Ctrl-C ends it; a second Ctrl-C kills it.

  --scenario <name>   play a prepared scenario (see below), print what came of it, and keep running
  --once              play the scenario (default ${DEFAULT_SCENARIO}) and end: exit code 0 when everything came out right
  --port <n>          port of the Functions host (default 7071, or a free one when that is taken)
  --arm-port <n>      port of the simulated Azure Resource Manager (default: a free one)
  --directory <path>  where certificates, the host's log and run.json go (default .dockwarden; with --once a temporary folder)
  --help              show this help

Scenarios:
${scenarioLines.join('\n')}`;

/** Throws an Error with a message for people when the arguments make no sense. */
export function parseStartOptions(args: readonly string[]): StartOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      scenario: { type: 'string' },
      once: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
      port: { type: 'string' },
      'arm-port': { type: 'string' },
      directory: { type: 'string' },
    },
  });
  const port = parsePort('--port', values.port);
  const armPort = parsePort('--arm-port', values['arm-port']);
  if (port !== undefined && port === armPort) throw new Error('--port and --arm-port must differ');
  return {
    once: values.once,
    scenario: parseScenario(values.scenario),
    help: values.help,
    port,
    armPort,
    directory: values.directory === undefined ? RUN_DIRECTORY : resolve(values.directory),
  };
}

function parseScenario(text: string | undefined): ScenarioName | undefined {
  if (text === undefined || isScenario(text)) return text;
  throw new Error(`--scenario takes one of ${Object.keys(scenarios).join(', ')}, not '${text}'`);
}

function isScenario(name: string): name is ScenarioName {
  return Object.hasOwn(scenarios, name);
}

function parsePort(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port >= 1 && port <= 65_535) return port;
  throw new Error(`${option} takes a port from 1 to 65535, not '${text}'`);
}
