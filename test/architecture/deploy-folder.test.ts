import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { budgetOf } from '../../scripts/budgets.ts';
import { type BuiltFile, buildDeployFolder, findProblems } from '../../scripts/build.ts';
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
  for (const path of Object.keys(require.cache)) console.log('read', path);
`;

describe('the deploy folder', async () => {
  const outputDirectory = join(scratch, 'dist');
  const { files, packages } = await buildDeployFolder({ root: projectRoot, entry: 'src/main.ts', outputDirectory });

  test('holds what is deployed and nothing else', async () => {
    expect((await readdir(outputDirectory)).toSorted()).toEqual([
      'THIRD-PARTY-LICENSES.txt',
      'azure-eventgrid.cjs',
      'azure-eventgrid.cjs.map',
      'azure-keyvault-keys.cjs',
      'azure-keyvault-keys.cjs.map',
      'azure-keyvault-secrets.cjs',
      'azure-keyvault-secrets.cjs.map',
      'azure-monitor.cjs',
      'azure-monitor.cjs.map',
      'azure-storage-blob.cjs',
      'azure-storage-blob.cjs.map',
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

  test('loads as the worker loads it: one file is read, and every function registered', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=commonjs', '--eval', loadBundle], {
      cwd: outputDirectory,
      env: {},
    });

    const lines = stdout.trim().split('\n');
    const read = lines.filter((line) => line.startsWith('read '));
    expect(read).toEqual([`read ${join(await realpath(outputDirectory), 'main.cjs')}`]);
    expect(lines.filter((line) => !read.includes(line)).toSorted()).toEqual([...functionNames].toSorted());
  });

  test('is within its budget, and names no path of the machine that built it', async () => {
    expect(files.map(({ name }) => name).toSorted()).toEqual([
      'azure-eventgrid.cjs',
      'azure-keyvault-keys.cjs',
      'azure-keyvault-secrets.cjs',
      'azure-monitor.cjs',
      'azure-storage-blob.cjs',
      'main.cjs',
    ]);
    expect(findProblems(files)).toEqual([]);
    for (const { name, bytes, inputs } of files) {
      const text = await readFile(join(outputDirectory, name), 'utf8');

      expect(Buffer.byteLength(text)).toBe(bytes);
      expect(bytes).toBeGreaterThan(name === 'main.cjs' ? 500_000 : 100_000);
      expect(inputs.length).toBeGreaterThan(name === 'main.cjs' ? 500 : 100);
      expect(text.includes(projectRoot)).toBe(false);
    }
  });

  test('holds every module of our own once, and nothing of what is loaded later in the bundle', () => {
    const [main, ...later] = files;

    expect(main === undefined ? [] : ownInputs(main)).toContain('src/errors.ts');
    // A file that names packages, and holds nothing of its own.
    expect(later.flatMap(ownInputs)).toEqual(['src/telemetry/azure-monitor.packages.ts']);
    expect(
      main?.inputs.filter((path) =>
        /^node_modules\/@azure\/(?:eventgrid|monitor-opentelemetry-exporter|storage-blob)\//.test(path),
      ),
    ).toEqual([]);
  });
});

function ownInputs(file: BuiltFile): string[] {
  return file.inputs.filter((path) => !path.startsWith('node_modules/'));
}

describe('what must not be shipped is named:', () => {
  const main = {
    name: 'main.cjs',
    bytes: 1_600_000,
    entry: 'src/main.ts',
    inputs: ['src/main.ts', 'node_modules/a/a.js'],
  };
  const later = {
    name: 'b.cjs',
    bytes: 700_000,
    entry: 'node_modules/b/b.js',
    inputs: ['node_modules/b/b.js', 'node_modules/a/a.js'],
  };

  test('nothing, when all is well', () => {
    expect(findProblems([main, later])).toEqual([]);
  });

  test('examples and development code', () => {
    const inputs = ['src/main.ts', 'src/policy/acr/x.cases.ts', 'local/azurite.ts', 'node_modules/zod/local/x.js'];

    expect(findProblems([{ ...main, inputs }, later])).toEqual([
      'not meant to be shipped, yet bundled: src/policy/acr/x.cases.ts, local/azurite.ts',
    ]);
  });

  test('files above their budgets', () => {
    expect(
      findProblems([
        { ...main, bytes: 1_600_001 },
        { ...later, bytes: 700_001 },
      ]),
    ).toEqual([
      'main.cjs has 1600001 bytes, more than the 1600000 allowed',
      'b.cjs has 700001 bytes, more than the 700000 allowed',
    ]);
  });

  test('files of too many modules', () => {
    expect(findProblems([{ ...main, inputs: inputsOf(budgetOf('main.cjs').modules) }])).toEqual([]);
    expect(
      findProblems([
        { ...main, inputs: inputsOf(1_201) },
        { ...later, inputs: inputsOf(401) },
      ]),
    ).toEqual([
      'main.cjs is made of 1201 modules, more than the 1200 allowed',
      'b.cjs is made of 401 modules, more than the 400 allowed',
    ]);
  });

  test('a file with a budget of its own is held to that one', () => {
    const { bytes, modules } = budgetOf('azure-monitor.cjs');

    expect(modules).not.toBe(budgetOf('b.cjs').modules);
    expect(findProblems([{ ...later, name: 'azure-monitor.cjs', bytes: bytes + 1 }])).toEqual([
      `azure-monitor.cjs has ${bytes + 1} bytes, more than the ${bytes} allowed`,
    ]);
    // A name that every object has is no budget.
    expect(budgetOf('constructor')).toEqual(budgetOf('b.cjs'));
  });

  test('a package that is loaded later and with the bundle too', () => {
    expect(findProblems([{ ...main, inputs: [...main.inputs, later.entry] }, later])).toEqual([
      'b.cjs is loaded later, and main.cjs holds the same: import types only',
    ]);
  });
});

test.each([
  ['node_modules/zod/v4/core.js', 'node_modules/zod'],
  ['node_modules/@azure/identity/dist/index.js', 'node_modules/@azure/identity'],
  ['node_modules/a/node_modules/@b/c/x.js', 'node_modules/a/node_modules/@b/c'],
  ['src/main.ts', undefined],
])('%s belongs to %s', (input, folder) => {
  expect(findPackageFolder(input)).toBe(folder);
});

function inputsOf(count: number): string[] {
  return Array.from({ length: count }, (_item, index) => `node_modules/a/${index}.js`);
}

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
