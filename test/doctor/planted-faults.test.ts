import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deployedChecks } from '../../src/doctor/deployed-checks.ts';
import { type Deployed, startDeployed } from './deployed-harness.ts';
import { plantedFaults } from './planted-faults.ts';

let deployed: Deployed;
beforeEach(async () => {
  deployed = await startDeployed();
});
afterEach(async () => {
  await deployed.stop();
});

describe('a planted fault', () => {
  it.each(plantedFaults)('is reported: $code ($severity) of $subject', async (fault) => {
    const { findings } = await deployed.check([fault.check], fault);

    const found = findings.filter(({ code, severity }) => code === fault.code && severity === fault.severity);
    expect(found.map(({ subject }) => subject)).toEqual(
      Array.from({ length: fault.times ?? 1 }, () => expect.stringContaining(fault.subject)),
    );
    const { command = '', message } = found[0] ?? { message: '' };
    expect(command).toMatch(fault.command);
    expect(`${message} ${command}`).not.toContain('canary');
    // A shell can read it.
    execFileSync('bash', ['-n', '-c', command]);
    // Whatever is wrong is found once, and nothing is taken to be wrong besides.
    expect(findings.filter((finding) => !found.includes(finding)).map(({ code }) => code)).toEqual(fault.besides ?? []);
  });
});

it('is planted for every code', () => {
  const planted = new Set(plantedFaults.map(({ code }) => code));
  const codes = deployedChecks.flatMap((check) => check.codes);

  expect(codes.filter((code) => !planted.has(code))).toEqual([]);
  expect(new Set(codes).size).toBe(codes.length);
});
