import { beforeEach, expect, it, test } from 'vitest';
import { refuseOtherHosts } from '../../src/azure/refuse-other-hosts.ts';

const VAULT = 'https://kv-test.vault.azure.net';

/** The addresses that were let through. */
let sent: string[] = [];

beforeEach(() => {
  sent = [];
});

async function ask(url: string, endpoint = VAULT): Promise<unknown> {
  return await refuseOtherHosts(endpoint, 'the vault').sendRequest({ url }, async (request) => {
    sent.push(request.url);
    return await Promise.resolve('answer');
  });
}

test.each([`${VAULT}/keys/data?api-version=7.5`, 'https://KV-TEST.vault.azure.net:443/keys/data'])(
  '%s gets the token of the vault',
  async (url) => {
    expect(await ask(url)).toBe('answer');
    expect(sent).toEqual([url]);
  },
);

test.each([
  ['without TLS', 'http://kv-test.vault.azure.net/keys/data'],
  ['at another port', 'https://kv-test.vault.azure.net:8443/keys/data'],
  ['at another host', 'https://kv-other.vault.azure.net/keys/data'],
  ['below the host', 'https://evil.kv-test.vault.azure.net/keys/data'],
  ['at a host that begins alike', 'https://kv-test.vault.azure.net.example/keys/data'],
  ['behind the name of the host', 'https://kv-test.vault.azure.net@example.com/keys/data'],
])('what is asked for %s gets no token', async (_where, url) => {
  await expect(ask(url)).rejects.toMatchObject({
    code: 'AZURE_INVALID',
    message: expect.stringMatching(/^refused to send a token to .*, which is not the vault$/),
  });
  expect(sent).toEqual([]);
});

it('is the same for an endpoint with a port', async () => {
  const endpoint = 'https://localhost:8443';
  await ask(`${endpoint}/subscriptions`, endpoint);

  for (const other of ['http://localhost:8443/subscriptions', 'https://localhost/subscriptions'])
    await expect(ask(other, endpoint)).rejects.toMatchObject({ code: 'AZURE_INVALID' });
  expect(sent).toEqual([`${endpoint}/subscriptions`]);
});
