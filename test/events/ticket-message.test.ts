import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { isDockwardenError } from '../../src/errors.ts';
import { formatTicketMessage, parseTicketMessage } from '../../src/events/ticket-message.ts';

const KEY = 'dw-7bc23dec0a2dfcfe37338b23a4206113';

function answerTo(message: unknown): unknown {
  try {
    return parseTicketMessage(message);
  } catch (error) {
    return error;
  }
}

test('a message comes back as it was sent, in every form that the host may hand over', () => {
  const text = formatTicketMessage({ key: KEY });

  for (const form of [text, JSON.parse(text) as unknown, Buffer.from(text), Buffer.from(text).toString('base64')]) {
    expect(parseTicketMessage(form)).toEqual({ key: KEY });
  }
});

test('fields that nobody knows are dropped', () => {
  expect(parseTicketMessage({ version: 1, key: KEY, state: 'resolved' })).toEqual({ key: KEY });
});

test.each([
  ['nothing', undefined],
  ['garbage', 'no json, s3cret'],
  ['more than a message may hold', 's3cret'.repeat(200_000)],
  ['another version', { version: 2, key: KEY, note: 's3cret' }],
  ['no version', { key: KEY }],
  ['no key', { version: 1, note: 's3cret' }],
  ['an empty key', { version: 1, key: '' }],
  ['a key that is none', { version: 1, key: 's3cret' }],
  ['a key in capitals', { version: 1, key: KEY.toUpperCase() }],
  ['a key that is too short', { version: 1, key: KEY.slice(0, -1) }],
  ['a key with something behind it', { version: 1, key: `${KEY}s3cret` }],
  ['a key with a line break behind it', { version: 1, key: `${KEY}\n` }],
  ['a key that is a list', { version: 1, key: [KEY] }],
  ['a list', [{ version: 1, key: KEY }]],
  ['null', null],
])('%s is refused without being repeated', (_what, message) => {
  const error = answerTo(message);

  expect(isDockwardenError(error, 'INPUT_INVALID_MESSAGE')).toBe(true);
  expect(String(error)).toContain('not a ticket message');
  expect(String(error)).not.toContain('s3cret');
});

test('whatever arrives leads to a message or to a typed error', () => {
  fc.assert(
    fc.property(fc.oneof(fc.anything(), fc.json(), fc.string()), (message) => {
      const answer = answerTo(message);
      expect(isDockwardenError(answer, 'INPUT_INVALID_MESSAGE') || !(answer instanceof Error)).toBe(true);
    }),
  );
});
