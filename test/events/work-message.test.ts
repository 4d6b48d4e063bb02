import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { isDockwardenError } from '../../src/errors.ts';
import type { Cause } from '../../src/events/cause.ts';
import { formatWorkMessage, parseWorkMessage } from '../../src/events/work-message.ts';
import { parseResourceId } from '../../src/resources/resource-id.ts';

const ID =
  '/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg-shop/providers/Microsoft.ContainerRegistry/registries/shopRegistry';
const cause: Cause = {
  kind: 'event',
  id: 'e1',
  time: '2026-11-02T18:38:04.611Z',
  operation: 'Microsoft.ContainerRegistry/registries/write',
  actor: {
    id: 'aaaaaaaa-0000-4000-8000-000000000001',
    type: 'User',
    application: 'a1',
    name: 'platform-operator@contoso.example',
  },
  correlationId: 'c1',
  deleted: true,
};
const resourceId = parseResourceId(ID);

function errorOf(message: unknown): unknown {
  try {
    return parseWorkMessage(message);
  } catch (error) {
    return error;
  }
}

test('a message comes back as it was sent, in every form that the host may hand over', () => {
  const text = formatWorkMessage({ resourceId, cause });

  for (const form of [text, JSON.parse(text) as unknown, Buffer.from(text), Buffer.from(text).toString('base64')]) {
    expect(parseWorkMessage(form)).toEqual({ resourceId, cause });
  }
});

test('a message without a cause has none, and keeps the spelling of the id', () => {
  const message = parseWorkMessage(formatWorkMessage({ resourceId }));

  expect(message).toEqual({ resourceId });
  expect(message.resourceId.id).toBe(ID);
});

test('a message that is to wait says until when', () => {
  const notBefore = '2026-11-04T00:00:00.000Z';

  expect(parseWorkMessage(formatWorkMessage({ resourceId, notBefore }))).toEqual({ resourceId, notBefore });
});

test('fields that nobody knows are dropped', () => {
  const message = { version: 1, resourceId: ID, cause: { ...cause, claims: { upn: 'x' } }, more: 1 };

  expect(parseWorkMessage(message)).toEqual({ resourceId, cause });
});

test.each([
  ['nothing', undefined],
  ['garbage', 'no json, s3cret'],
  ['another version', { version: 2, resourceId: ID, note: 's3cret' }],
  ['no version', { resourceId: ID }],
  ['no resource', { version: 1 }],
  ['a resource of the wrong type', { version: 1, resourceId: { id: 's3cret' } }],
  ['a cause of an unknown kind', { version: 1, resourceId: ID, cause: { ...cause, kind: 's3cret' } }],
  ['a cause without an id', { version: 1, resourceId: ID, cause: { ...cause, id: '' } }],
  ['a cause at no time', { version: 1, resourceId: ID, cause: { ...cause, time: 's3cret' } }],
  ['a cause that is null', { version: 1, resourceId: ID, cause: null }],
  ['an actor of an unknown type', { version: 1, resourceId: ID, cause: { ...cause, actor: { type: 's3cret' } } }],
  ['a wait until no time', { version: 1, resourceId: ID, notBefore: 's3cret' }],
  ['an array', [{ version: 1, resourceId: ID }]],
])('%s is refused without being repeated', (_what, message) => {
  const error = errorOf(message);

  expect(isDockwardenError(error, 'INPUT_INVALID_MESSAGE')).toBe(true);
  expect(String(error)).not.toContain('s3cret');
});

test('a resource that is not ours is refused as such', () => {
  const error = errorOf({ version: 1, resourceId: '/subscriptions/x' });

  expect(isDockwardenError(error, 'INPUT_INVALID_RESOURCE_ID')).toBe(true);
});

test('whatever arrives leads to a message or to a typed error', () => {
  fc.assert(
    fc.property(fc.oneof(fc.anything(), fc.json(), fc.string()), (message) => {
      const result = errorOf(message);
      expect(isDockwardenError(result) || !(result instanceof Error)).toBe(true);
    }),
  );
});
