import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const entry = fileURLToPath(new URL('../../local/chaos/main.ts', import.meta.url));

function run(...args: readonly string[]) {
  return spawnSync(process.execPath, [entry, ...args], { encoding: 'utf8', timeout: 30_000 });
}

describe('npm run chaos', () => {
  it('ends with 2 when it is asked for nonsense, says what is wrong, and starts nothing', () => {
    const { status, stderr, stdout } = run('--events', 'many');

    expect(status).toBe(2);
    expect(stderr).toMatch(/^--events takes a whole number from 10 to 100000, not 'many'\n\nUsage: npm run chaos/);
    expect(stdout).toBe('');
  });

  it('explains itself', () => {
    const { status, stdout } = run('--help');

    expect(status).toBe(0);
    expect(stdout).toContain('--seed');
  });
});
