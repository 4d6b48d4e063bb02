import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { buildDeployFolder, findMisplacedInputs } from '../../scripts/build.ts';
import { collectLicences, findPackageFolder } from '../../scripts/licences.ts';
import { functionNames } from '../../src/functions/health.ts';
import { projectRoot } from './sources.ts';

const scratch = await mkdtemp(join(tmpdir(), 'dockwarden-build-'));

afterAll(async () => {
  await rm(scratch, { recursive: true });
});

/** Stands in for the worker's own module, which is not to be had outside of it; prints what is registered. */
const loadBundle = `
  const Module = require('node:module');
  const load = Module._load;
  const core = { registerHook() {}, setProgrammingModel() {}, registerFunction: ({ name }) => console.log(name) };
  Module._load = (request, ...rest) => (request === '@azure/functions-core' ? core : load(request, ...rest));
  require('./main.cjs');
`;

describe('the deploy folder', async () => {
  const outputDirectory = join(scratch, 'dist');
  const { bytes, packages } = await buildDeployFolder({ root: projectRoot, entry: 'src/main.ts', outputDirectory });

  test('holds what is deployed and nothing else', async () => {
    expect((await readdir(outputDirectory)).toSorted()).toEqual([
      'THIRD-PARTY-LICENSES.txt',
      'host.json',
      'main.cjs',
      'main.cjs.map',
      'package.json',
    ]);
  });

  test('starts at the bundle and depends on nothing', async () => {
    const described: Record<string, unknown> = JSON.parse(
      await readFile(join(outputDirectory, 'package.json'), 'utf8'),
    );

    expect(described).toMatchObject({
      name: 'dockwarden',
      license: 'MIT',
      main: 'main.cjs',
      engines: { node: '>=24' },
    });
    expect(described).not.toHaveProperty('dependencies');
  });

  test('carries the licence of every bundled package', async () => {
    const text = await readFile(join(outputDirectory, 'THIRD-PARTY-LICENSES.txt'), 'utf8');

    expect(packages.length).toBeGreaterThan(20);
    expect(packages.filter((title) => !text.includes(`${title} (`))).toEqual([]);
  });

  test('loads as the worker loads it, and registers every function', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=commonjs', '--eval', loadBundle], {
      cwd: outputDirectory,
      env: {},
    });

    expect(stdout.trim().split('\n').toSorted()).toEqual([...functionNames].toSorted());
  });

  test('is within its budget, and names no path of the machine that built it', async () => {
    const bundle = await readFile(join(outputDirectory, 'main.cjs'), 'utf8');

    expect(bytes).toBeGreaterThan(500_000);
    expect(bytes).toBeLessThanOrEqual(1_600_000);
    expect(bundle.includes(projectRoot)).toBe(false);
  });
});

test('examples and development code in the bundle are named', () => {
  const input = { bytes: 1, imports: [] };
  const paths = ['src/main.ts', 'src/policy/acr/x.cases.ts', 'local/azurite.ts', 'node_modules/zod/local/x.js'];

  expect(findMisplacedInputs({ inputs: Object.fromEntries(paths.map((path) => [path, input])) })).toEqual([
    'src/policy/acr/x.cases.ts',
    'local/azurite.ts',
  ]);
});

test.each([
  ['node_modules/zod/v4/core.js', 'node_modules/zod'],
  ['node_modules/@azure/identity/dist/index.js', 'node_modules/@azure/identity'],
  ['node_modules/a/node_modules/@b/c/x.js', 'node_modules/a/node_modules/@b/c'],
  ['src/main.ts', undefined],
])('%s belongs to %s', (input, folder) => {
  expect(findPackageFolder(input)).toBe(folder);
});

function inputOf(name: string): string {
  return `node_modules/${name}/index.js`;
}

test('a package without a licence that could be shipped is refused, by name', async () => {
  const packages = {
    unstated: {},
    textless: { license: 'Apache-2.0' },
    forgetful: { license: 'MIT', author: 'Somebody' },
  };
  for (const [name, manifest] of Object.entries(packages)) {
    const folder = join(scratch, 'node_modules', name);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'package.json'), JSON.stringify({ name, version: '1.0.0', ...manifest }));
  }
  await writeFile(join(scratch, 'LICENSE'), 'MIT License\n\nCopyright (c) 2026 Us\n\nPermission is granted.');

  const stated = await collectLicences(scratch, [inputOf('forgetful')]);

  expect(stated.text).toContain('Copyright (c) Somebody');
  await expect(collectLicences(scratch, Object.keys(packages).map(inputOf))).rejects.toThrow(
    'textless@1.0.0, unstated@1.0.0',
  );
});
