import { expect, test } from 'vitest';
import { formatTicketMessage, parseTicketMessage } from '../../src/events/ticket-message.ts';
import { testMessageFormat } from './message-format.ts';

const KEY = 'dw-7bc23dec0a2dfcfe37338b23a4206113';

test('fields that nobody knows are dropped', () => {
  expect(parseTicketMessage({ version: 1, key: KEY, state: 'resolved' })).toEqual({ key: KEY });
});

testMessageFormat({
  format: formatTicketMessage,
  parse: parseTicketMessage,
  message: { key: KEY },
  refusal: 'not a ticket message',
  onlyError: 'INPUT_INVALID_MESSAGE',
  refused: [
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
  ],
});
