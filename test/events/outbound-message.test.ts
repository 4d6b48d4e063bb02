import { expect, test } from 'vitest';
import { formatOutboundMessage, parseOutboundMessage } from '../../src/events/outbound-message.ts';
import { testMessageFormat } from './message-format.ts';

const MESSAGE = {
  partitionKey: '2026-11-23',
  rowKey: '0651234567890123456_01KB_outcome',
  since: '2026-11-23T10:00:00.000Z',
  attempt: 3,
};

test('fields that nobody knows are dropped', () => {
  expect(parseOutboundMessage({ version: 1, ...MESSAGE, outcome: 'fixed' })).toEqual(MESSAGE);
});

testMessageFormat({
  format: formatOutboundMessage,
  parse: parseOutboundMessage,
  message: MESSAGE,
  refusal: 'not a message about an own event',
  onlyError: 'INPUT_INVALID_MESSAGE',
  refused: [
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
  ],
});
