import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { projectRoot } from './sources.ts';

interface LockedPackage {
  readonly version?: string;
  readonly resolved?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

type Packages = Readonly<Record<string, LockedPackage>>;

const lock: { readonly packages: Packages } = JSON.parse(readFileSync(join(projectRoot, 'package-lock.json'), 'utf8'));

/** Optional packages that one of the packages wants and the lock file does not hold: `npm ci` of npm 11 refuses such a file. */
function findMissingOptional(packages: Packages): string[] {
  return Object.entries(packages).flatMap(([folder, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies)
      .filter((name) => !listFolders(folder, name).some((candidate) => packages[candidate] !== undefined))
      .map((name) => `${folder} → ${name}`),
  );
}

/** Where Node looks for a package, from the folder of the one that wants it upwards. */
function listFolders(folder: string, name: string): string[] {
  const parents = folder
    .split('/node_modules/')
    .map((_part, index, parts) => parts.slice(0, index + 1).join('/node_modules/'));
  return [`node_modules/${name}`, ...parents.map((parent) => `${parent}/node_modules/${name}`)];
}

test('the lock file holds the packages of every platform', () => {
  expect(Object.keys(lock.packages).length).toBeGreaterThan(300);
  expect(findMissingOptional(lock.packages)).toEqual([]);
});

test('it names no registry: everybody installs from their own', () => {
  expect(Object.entries(lock.packages).filter(([, { resolved }]) => resolved !== undefined)).toEqual([]);
});

test('a missing platform is named', () => {
  const packages = {
    'node_modules/tool': { optionalDependencies: { '@tool/linux': '1.0.0', '@tool/darwin': '1.0.0' } },
    'node_modules/@tool/linux': { version: '1.0.0' },
  };

  expect(findMissingOptional(packages)).toEqual(['node_modules/tool → @tool/darwin']);
});
