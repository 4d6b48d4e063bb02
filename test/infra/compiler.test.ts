import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Bicep, type BicepRun, bicepPackage, findBicep } from '../../scripts/infra/bicep.ts';
import { withSettings } from '../../scripts/infra/samples.ts';
import { createWorkspace, findUsed, listOverwritten, readDiagnostics } from '../../scripts/infra/workspace.ts';

test.each([
  ['linux', 'x64', false, 'Azure.Bicep.CommandLine.linux-x64'],
  ['linux', 'arm64', true, 'Azure.Bicep.CommandLine.linux-musl-arm64'],
  ['darwin', 'arm64', false, 'Azure.Bicep.CommandLine.osx-arm64'],
  ['win32', 'x64', false, 'Azure.Bicep.CommandLine.win-x64'],
])('for %s %s the compiler is a package of its own', (platform, architecture, isMusl, name) => {
  expect(bicepPackage(platform, architecture, isMusl)).toBe(name);
});

test('where there is no compiler, that is said', () => {
  expect(() => bicepPackage('linux', 's390x')).toThrow('no Bicep compiler for linux s390x');
  expect(() => bicepPackage('aix', 'x64')).toThrow('name it in BICEP');
});

test('a compiler that is named and cannot be run is an error, not a reason to skip', async () => {
  await expect(findBicep('/nowhere/bicep')).rejects.toThrow('BICEP names /nowhere/bicep, which cannot be run');
});

test('a warning is a problem although the compiler ends with 0; so is a failure in silence', () => {
  const warning = '/t/infra/a.bicep(3,5) : Warning no-unused-vars: x';

  expect(readDiagnostics({ exitCode: 0, stderr: `${warning}\n${warning}\n` }, '/t')).toEqual([
    'infra/a.bicep(3,5) : Warning no-unused-vars: x',
  ]);
  expect(readDiagnostics({ exitCode: 0, stderr: '\n' }, '/t')).toEqual([]);
  expect(readDiagnostics({ exitCode: 1, stderr: '' }, '/t')).toEqual(['bicep ended with exit code 1']);
  expect(readDiagnostics({ exitCode: 1, stderr: 'Unhandled: x\n   at Bicep.Core.Y()\n' }, '/t')).toEqual([
    'Unhandled: x',
  ]);
});

test('what compiling beside the source would overwrite is named', () => {
  expect(
    listOverwritten(['infra/a.bicep', 'infra/a.json', 'infra/b.json', 'infra/c.bicepparam', 'infra/c.json']),
  ).toEqual(['infra/a.json', 'infra/c.json']);
});

test('a parameter file says which template it is for', () => {
  expect(findUsed('infra/samples/a.bicepparam', "// x\nusing '../main.bicep'\n")).toBe('infra/main.bicep');
  expect(() => findUsed('infra/a.bicepparam', 'param x = 1')).toThrow('does not say which template');
});

test('settings are added to a sample as Bicep writes texts, and never beside others', () => {
  expect(withSettings("using 'a'\n", { A: "it's ${x} \\" })).toBe(
    "using 'a'\n\nparam settings = {\n  A: 'it\\'s \\${x} \\\\'\n}\n",
  );
  expect(() => withSettings('param settings = {}', {})).toThrow('may not give settings');
});

describe('a workspace', () => {
  let project: string;
  const calls: string[] = [];
  let answer: Partial<BicepRun> = {};
  /** Does what the real one does with files. */
  const bicep: Bicep = {
    path: 'bicep',
    version: '0',
    async run(folder, ...args) {
      calls.push(args.join(' '));
      if (args[0] === 'build') {
        await mkdir(join(folder, 'templates'), { recursive: true });
        await writeFile(join(folder, 'templates/main.json'), '{"$schema":"x/subscriptionDeploymentTemplate.json#"}');
      }
      if (args[0] === 'format') await writeFile(join(folder, 'infra/main.bicep'), 'formatted');
      if (args[0] === 'snapshot') {
        const file = join(folder, String(args[1]).replace('.bicepparam', '.snapshot.json'));
        await writeFile(file, '{"predictedResources":[],"diagnostics":[]}');
      }
      return { exitCode: 0, stdout: '', stderr: '', ...answer };
    },
  };

  beforeAll(async () => {
    project = await mkdtemp(join(tmpdir(), 'dockwarden-workspace-'));
    await mkdir(join(project, 'infra/samples'), { recursive: true });
    await writeFile(join(project, 'infra/main.bicep'), 'as written');
    await writeFile(join(project, 'infra/samples/a.bicepparam'), "using '../main.bicep'\n");
  });
  afterAll(async () => {
    await rm(project, { recursive: true });
  });

  test('is a copy: nothing that the compiler writes gets into the project', async () => {
    const workspace = await createWorkspace(project, bicep);

    expect(() => workspace.readTemplate('infra/main.bicep')).toThrow('was not compiled');
    expect(await workspace.build()).toEqual([]);
    expect(await workspace.findUnformatted()).toEqual(['infra/main.bicep']);
    expect(await workspace.predict('infra/samples/a.bicepparam')).toEqual({ predictedResources: [], diagnostics: [] });
    expect(calls.at(-1)).toMatch(
      /^snapshot infra\/samples\/a\.bicepparam --tenant-id \S+ --location \S+ --subscription-id \S+$/,
    );

    answer = { stderr: 'infra/main.bicep(1,1) : Warning x' };
    await expect(workspace.predict('infra/samples/a.bicepparam')).rejects.toThrow('Warning x');
    expect(await workspace.lint()).toEqual(['infra/main.bicep(1,1) : Warning x']);
    expect(await workspace.buildParameters()).toHaveLength(1);

    await workspace.remove();
    expect((await readdir(join(project, 'infra'), { recursive: true })).toSorted()).toEqual([
      'main.bicep',
      'samples',
      'samples/a.bicepparam',
    ]);
    expect(await readFile(join(project, 'infra/main.bicep'), 'utf8')).toBe('as written');
  });
});
