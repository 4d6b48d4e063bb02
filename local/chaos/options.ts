import { parseArgs } from 'node:util';

export interface ChaosOptions {
  readonly seed: string;
  readonly events: number;
  readonly resources: number;
  readonly workers: number;
  readonly kills: number;
  /** How much faster than real time the product's clock runs. */
  readonly speed: number;
  /** Real minutes after which the run ends, whatever is left. */
  readonly minutes: number;
  readonly format: 'table' | 'json';
  /** File for all that is looked at in the end. */
  readonly evidence: string | undefined;
  readonly help: boolean;
}

export const usage = `Usage: npm run chaos -- [options]

Runs the product's handlers in several worker processes, with a storage emulator and a simulated Azure, while a lot goes wrong: 20 % of
the requests are throttled, 5 % fail, 5 % of the writes meet a busy resource, 2 % lose their answer, workers are killed, the audit
table is down for a while. Then checks what must hold all the same. Exit code 0: it holds, 1: it does not (the broken guarantee is
named), 2: wrong usage.

  --seed <text>     what happens: the same seed gives the same changes, events, faults and kills (default: a new one, printed).
                    Which worker does what at which moment is not repeated.
  --events <n>      events to send, duplicates included (default 10000)
  --resources <n>   resources that are changed (default 1000)
  --workers <n>     worker processes (default 4)
  --kills <n>       how often one of them is killed (default 20)
  --speed <n>       how much faster than time the product's clock runs (default 90); ten times that when only stragglers are left
  --minutes <n>     when to give up, in real minutes (default 10)
  --format <f>      table or json (default table)
  --evidence <file> write all that is looked at in the end (rows, requests) to this file, as JSON
  --help            show this help`;

/** Throws an Error with a message for people when the arguments make no sense. */
export function parseChaosOptions(args: readonly string[], newSeed: () => string): ChaosOptions {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: text,
      events: text,
      resources: text,
      workers: text,
      kills: text,
      speed: text,
      minutes: text,
      format: text,
      evidence: text,
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const { format = 'table', seed = newSeed() } = values;
  if (format !== 'table' && format !== 'json') throw new Error(`--format takes table or json, not '${format}'`);
  if (!/^[\w.-]{1,40}$/.test(seed)) throw new Error('--seed takes up to 40 letters, digits, dots, dashes');
  const options = {
    seed,
    format,
    evidence: values.evidence,
    help: values.help,
    events: parseCount('--events', values.events ?? '10000', 10, 100_000),
    resources: parseCount('--resources', values.resources ?? '1000', 8, 5000),
    workers: parseCount('--workers', values.workers ?? '4', 1, 32),
    kills: parseCount('--kills', values.kills ?? '20', 0, 500),
    speed: parseCount('--speed', values.speed ?? '90', 1, 1000),
    minutes: parseCount('--minutes', values.minutes ?? '10', 1, 120),
  } as const;
  if (options.events < options.resources * 2)
    throw new Error('--events must be at least twice --resources: every resource is changed, and some twice');
  return options;
}

function parseCount(option: string, text: string, least: number, most: number): number {
  const count = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  if (count >= least && count <= most) return count;
  throw new Error(`${option} takes a whole number from ${least} to ${most}, not '${text}'`);
}
