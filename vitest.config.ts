import { defineConfig } from 'vitest/config';

const complete = { statements: 100, branches: 100, functions: 100, lines: 100 };

// Set by scripts/check.ts and .ci/run: where the machine-readable result goes.
const resultFile = process.env['TEST_RESULT_FILE'];

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    // The default leaves one core idle, which on two is half of them.
    maxWorkers: '100%',
    globalSetup: ['test/support/global-setup.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    reporters: resultFile === undefined ? ['default'] : ['default', ['json', { outputFile: resultFile }]],
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      // Examples are data that the tests run and the pages print.
      exclude: ['src/**/*.cases.ts'],
      reporter: ['text-summary', 'html', 'json-summary'],
      thresholds: {
        statements: 90,
        branches: 85,
        functions: 90,
        lines: 90,
        'src/policy/**/*.ts': complete,
        'src/remediations/**/*.ts': complete,
        'src/engine/**/*.ts': complete,
      },
    },
  },
});
