import { cp, mkdir, mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unzipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createPackage } from '../../scripts/package.ts';

describe('the package', () => {
  let scratch: string;
  let folder: string;

  beforeAll(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'dockwarden-package-'));
    folder = join(scratch, 'dist');
    await mkdir(join(folder, 'deeper'), { recursive: true });
    const files = ['main.cjs', 'main.cjs.map', 'host.json', 'package.json', 'deeper/x.cjs', 'deeper/x.cjs.map'];
    for (const name of files) await writeFile(join(folder, name), `content of ${name}`.repeat(100));
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await rm(scratch, { recursive: true });
  });

  test('holds what is deployed at its root, as it is, and no source maps', async () => {
    const files = unzipSync(await createPackage(folder));

    expect(Object.keys(files)).toEqual(['deeper/x.cjs', 'host.json', 'main.cjs', 'package.json']);
    for (const [name, content] of Object.entries(files)) {
      expect(Buffer.from(content).toString()).toBe(await readFile(join(folder, name), 'utf8'));
    }
  });

  test('has the same bytes whenever, wherever and in whatever order its files were written', async () => {
    const first = await createPackage(folder);
    const copy = join(scratch, 'copy');
    for (const name of ['package.json', 'deeper/x.cjs', 'main.cjs', 'host.json']) {
      await cp(join(folder, name), join(copy, name));
      await utimes(join(copy, name), new Date(), new Date('2031-05-06T07:08:09Z'));
    }

    for (const zone of ['UTC', 'Asia/Tokyo', 'America/St_Johns']) {
      vi.stubEnv('TZ', zone);
      expect(Buffer.from(await createPackage(copy)).equals(Buffer.from(first))).toBe(true);
    }
    await writeFile(join(copy, 'main.cjs'), 'other');
    expect(Buffer.from(await createPackage(copy)).equals(Buffer.from(first))).toBe(false);
  });

  test('is not made of a folder that nothing starts from, and says what is missing', async () => {
    const empty = join(scratch, 'empty');
    await mkdir(empty);
    await writeFile(join(empty, 'host.json'), '{}');

    await expect(createPackage(empty)).rejects.toThrow('it has no main.cjs, no package.json');
  });
});
