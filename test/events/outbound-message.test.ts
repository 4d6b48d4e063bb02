import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { isDockwardenError } from '../../src/errors.ts';
import { formatOutboundMessage, parseOutboundMessage } from '../../src/events/outbound-message.ts';

const MESSAGE = {
  partitionKey: '2026-11-23',
  rowKey: '0651234567890123456_01KB_outcome',
  since: '2026-11-23T10:00:00.000Z',
  attempt: 3,
};

function answerTo(message: unknown): unknown {
  try {
    return parseOutboundMessage(message);
  } catch (error) {
    return error;
  }
}

test('a message comes back as it was sent, in every form that the host may hand over', () => {
  const text = formatOutboundMessage(MESSAGE);

  for (const form of [text, JSON.parse(text) as unknown, Buffer.from(text), Buffer.from(text).toString('base64')])
    expect(parseOutboundMessage(form)).toEqual(MESSAGE);
});

test('fields that nobody knows are dropped', () => {
  expect(parseOutboundMessage({ version: 1, ...MESSAGE, outcome: 'fixed' })).toEqual(MESSAGE);
});

test.each([
  ['nothing', undefined],
  ['garbage', 'no json, s3cret'],
  ['another version', { version: 2, ...MESSAGE }],
  ['no row key', { version: 1, ...MESSAGE, rowKey: undefined, note: 's3cret' }],
  ['an empty partition key', { version: 1, ...MESSAGE, partitionKey: '' }],
  ['a key longer than tables take', { version: 1, ...MESSAGE, rowKey: 's3cret'.repeat(200) }],
  ['a time that is none', { version: 1, ...MESSAGE, since: 's3cret' }],
  ['a day', { version: 1, ...MESSAGE, since: '2026-11-23' }],
  ['half a try', { version: 1, ...MESSAGE, attempt: 0.5 }],
  ['fewer than no tries', { version: 1, ...MESSAGE, attempt: -1 }],
  ['a list', [{ version: 1, ...MESSAGE }]],
])('%s is refused without being repeated', (_what, message) => {
  const error = answerTo(message);

  expect(isDockwardenError(error, 'INPUT_INVALID_MESSAGE')).toBe(true);
  expect(String(error)).toContain('not a message about an own event');
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
