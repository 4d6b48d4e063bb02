/** `npm run chaos`: the guarantees of the product under everything that can go wrong at once. */
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { formatReport } from './figures.ts';
import { type ChaosOptions, parseChaosOptions, usage } from './options.ts';
import { FULL_RATES, LAST_FACTOR, runChaos } from './run-chaos.ts';

const EXIT = { ok: 0, failed: 1, usage: 2, killed: 130 } as const;

async function main(): Promise<number> {
  let options: ChaosOptions;
  try {
    options = parseChaosOptions(process.argv.slice(2), () => randomBytes(4).toString('hex'));
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    return EXIT.usage;
  }
  if (options.help) {
    console.log(usage);
    return EXIT.ok;
  }
  const interrupted = listenForInterrupts();
  try {
    const report = await runChaos({
      ...options,
      rates: FULL_RATES,
      lastSpeed: options.speed * LAST_FACTOR,
      interrupted,
      onProgress: (line) => console.error(line),
      async onEvidence(evidence) {
        if (options.evidence !== undefined) await writeFile(options.evidence, JSON.stringify(evidence));
      },
    });
    console.log(options.format === 'json' ? JSON.stringify(report, undefined, 2) : formatReport(report));
    return report.passed ? EXIT.ok : EXIT.failed;
  } catch (error) {
    console.error(interrupted.aborted ? 'interrupted' : messageOf(error));
    return interrupted.aborted ? EXIT.killed : EXIT.failed;
  }
}

/** Settles at the first signal; the second ends the process, and with it its children, at once. */
function listenForInterrupts(): AbortSignal {
  const interrupt = new AbortController();
  const onSignal = (): void => {
    if (interrupt.signal.aborted) process.exit(EXIT.killed);
    interrupt.abort(new Error('interrupted'));
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, onSignal);
  return interrupt.signal;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

process.exitCode = await main();
