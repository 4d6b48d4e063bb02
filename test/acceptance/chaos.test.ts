import { expect, test } from 'vitest';
import { formatReport } from '../../local/chaos/figures.ts';
import { runChaos } from '../../local/chaos/run-chaos.ts';

/** Higher shares of what few requests would hardly meet, lower ones of what makes the end wait. */
const RATES = { throttled: 0.08, failing: 0.03, busy: 0.1, dropped: 0.04 };

test('a short chaos run breaks no guarantee', { timeout: 120_000 }, async () => {
  const progress: string[] = [];

  const report = await runChaos({
    seed: 'short',
    events: 300,
    resources: 40,
    workers: 2,
    kills: 3,
    speed: 90,
    lastSpeed: 900,
    rates: RATES,
    minutes: 1.5,
    interrupted: AbortSignal.timeout(110_000),
    onProgress: (line) => progress.push(line),
  });

  expect(report.passed, `${progress.join('\n')}\n${formatReport(report)}`).toBe(true);
  expect(report.figures).toMatchObject({ events: 300, duplicates: 50, killed: 3, compliant: 36 });
});
