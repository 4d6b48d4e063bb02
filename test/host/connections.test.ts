import { expect, test } from 'vitest';
import { connectBlobs, connectQueues } from '../../local/host/connections.ts';
import { decodeMessage, encodeMessage } from '../../local/host/queue-message.ts';

const identity = { IDENTITY_ENDPOINT: 'http://127.0.0.1:1/msi/token' };
const development = 'UseDevelopmentStorage=true';

test.each([
  ['its own setting', { Work: development }, 'http://127.0.0.1:10001/devstoreaccount1'],
  ['the setting with the prefix', { AzureWebJobsWork: development }, 'http://127.0.0.1:10001/devstoreaccount1'],
  [
    'the identity form with an address',
    { Work__queueServiceUri: 'https://localhost:1/one' },
    'https://localhost:1/one',
  ],
  ['the identity form with an account', { Work__accountName: 'one' }, 'https://one.queue.core.windows.net'],
  ['the prefixed identity form', { AzureWebJobsWork__accountName: 'one' }, 'https://one.queue.core.windows.net'],
  [
    'a string before an identity',
    { Work__accountName: 'one', Work: development },
    'http://127.0.0.1:10001/devstoreaccount1',
  ],
])('a connection is %s', (_name, environment, url) => {
  expect(connectQueues('Work', { ...identity, ...environment }).url.replace(/\/$/u, '')).toBe(url);
});

test('blobs have an address of their own', () => {
  const environment = {
    Work__blobServiceUri: 'https://localhost:2/one',
    Work__queueServiceUri: 'https://localhost:1/one',
  };

  expect(connectBlobs('Work', { ...identity, ...environment }).url).toContain('https://localhost:2/one');
});

test('a connection without a setting is an error', () => {
  expect(() => connectQueues('Work', { Other: 'x' })).toThrow("'Work' does not exist");
});

test('an identity without an endpoint that issues its tokens is an error', () => {
  expect(() => connectQueues('Work', { Work__accountName: 'one' })).toThrow('needs an IDENTITY_ENDPOINT');
});

test('messages are base64 or plain, as host.json says', () => {
  expect([encodeMessage('ä', 'base64'), encodeMessage('ä', 'none')]).toEqual(['w6Q=', 'ä']);
  expect([decodeMessage('w6Q=', 'base64'), decodeMessage('w6Q=', 'none')]).toEqual(['ä', 'w6Q=']);
  expect(decodeMessage('{"a":1}', 'base64')).toBeUndefined();
});
