import { expect, test } from 'vitest';
import { isDockwardenError } from '../../src/errors.ts';
import type { Cause } from '../../src/events/cause.ts';
import { formatWorkMessage, parseWorkMessage } from '../../src/events/work-message.ts';
import { parseResourceId } from '../../src/resources/resource-id.ts';
import { answerTo, testMessageFormat } from './message-format.ts';

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

test.each(['operator', 'event', 'alert', 'sweep'] as const)(
  'a request comes in through the app and never through a message, whatever kind it says it is: %s',
  (kind) => {
    const runId = '01JDB5Q8V0ABCDEFGHJKMNPQRS';
    for (const request of [{ action: 'undo', runId }, { action: 'release', policyId: 'p' }, {}, null, 'undo']) {
      const error = answerTo(parseWorkMessage, { version: 1, resourceId: ID, cause: { ...cause, kind, request } });
      expect(isDockwardenError(error, 'INPUT_INVALID_MESSAGE')).toBe(true);
      expect(String(error)).toContain('cause.request');
    }
  },
);

test('no message names an operator: whoever asked stands on the record that the cause id leads to', () => {
  const { actor, ...plain } = cause;
  expect(actor).toBeDefined();

  const text = formatWorkMessage({ resourceId, cause: { ...cause, kind: 'operator' } });

  expect(parseWorkMessage(text)).toStrictEqual({ resourceId, cause: { ...plain, kind: 'operator' } });
  expect(parseWorkMessage(formatWorkMessage({ resourceId, cause })).cause?.actor).toEqual(actor);
});

const long = 's3cret'.repeat(51);

test.each([
  ['id', { id: long }],
  ['operation', { operation: long }],
  ['correlation id', { correlationId: long }],
  ["writer's id", { actor: { id: long } }],
  ["writer's application", { actor: { application: long } }],
  ["writer's name", { actor: { name: long } }],
])('an over-long %s of a cause is refused', (_what, change) => {
  const error = answerTo(parseWorkMessage, { version: 1, resourceId: ID, cause: { ...cause, ...change } });

  expect(isDockwardenError(error, 'INPUT_INVALID_MESSAGE')).toBe(true);
  expect(String(error)).not.toContain('s3cret');
});

test('texts of 300 characters are not too long', () => {
  const longest = { ...cause, id: 'i'.repeat(300), operation: 'o'.repeat(300), correlationId: 'c'.repeat(300) };

  expect(parseWorkMessage(formatWorkMessage({ resourceId, cause: longest }))).toEqual({ resourceId, cause: longest });
});

testMessageFormat({
  format: formatWorkMessage,
  parse: parseWorkMessage,
  message: { resourceId, cause },
  refused: [
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
  ],
});

test('a resource that is not ours is refused as such', () => {
  const error = answerTo(parseWorkMessage, { version: 1, resourceId: '/subscriptions/x' });

  expect(isDockwardenError(error, 'INPUT_INVALID_RESOURCE_ID')).toBe(true);
});
