import { describe, expect, it } from 'vitest';
import { readPointers } from '../../src/engine/json-pointer.ts';

const BODY = {
  properties: { adminUserEnabled: false, nested: { list: [1, 2], nothing: null } },
  tags: { 'a/b': 'slash', 'a~b': 'tilde', '~1': 'looks escaped', '': 'empty', env: 'dev' },
};

describe('values at JSON Pointers', () => {
  it('are read exactly, false and null included', () => {
    expect(
      readPointers(BODY, ['/properties/adminUserEnabled', '/properties/nested/nothing', '/properties/nested/list']),
    ).toEqual({
      '/properties/adminUserEnabled': false,
      '/properties/nested/nothing': null,
      '/properties/nested/list': [1, 2],
    });
  });

  it('are left out when any part of the path is absent or no object', () => {
    expect(
      readPointers(BODY, [
        '/tags/owner',
        '/nothing/at/all',
        '/properties/adminUserEnabled/x',
        '/properties/nested/list/0',
      ]),
    ).toEqual({});
    expect(readPointers(undefined, ['/tags'])).toEqual({});
    expect(readPointers('text', ['/length'])).toEqual({});
  });

  it('may stand under names with slashes, tildes, or nothing', () => {
    expect(readPointers(BODY, ['/tags/a~1b', '/tags/a~0b', '/tags/~01', '/tags/'])).toEqual({
      '/tags/a~1b': 'slash',
      '/tags/a~0b': 'tilde',
      '/tags/~01': 'looks escaped',
      '/tags/': 'empty',
    });
  });

  it('are never those that every object inherits', () => {
    expect(readPointers(BODY, ['/tags/constructor', '/tags/__proto__', '/toString', '/tags/hasOwnProperty'])).toEqual(
      {},
    );
  });
});
