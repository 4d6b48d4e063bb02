import { describe, expect, test } from 'vitest';
import { parseSettings } from '../../src/settings/settings.ts';
import { urlLookalikes } from './lookalikes.ts';

const deployed = {
  SCOPES: '11111111-2222-3333-4444-555555555555',
  SWEEP_SCHEDULE: '0 0 */6 * * *',
  DOCKWARDEN_PRINCIPAL_ID: 'aaaaaaaa-0000-4000-8000-000000000003',
  AzureWebJobsStorage__accountName: 'dockwardenstore',
};
const TOPIC = 'https://dockwarden.westeurope-1.eventgrid.azure.net/api/events';

function parse(environment: Readonly<Record<string, string>>) {
  return parseSettings({ ...deployed, ...environment }, { policies: [], remediations: [] });
}

describe('own events', () => {
  test('go nowhere unless a topic is set', () => {
    expect(parse({})).toMatchObject({ events: { topic: undefined, isUnclear: false }, findings: [] });
  });

  test.each([TOPIC, 'https://localhost:8443/api/events'])('go to %s', (topic) => {
    const settings = parse({ EVENTS_TOPIC_ENDPOINT: topic });

    expect(settings).toMatchObject({ events: { topic, isUnclear: false }, findings: [] });
    expect(settings.hash).not.toBe(parse({}).hash);
  });

  test.each([
    '',
    TOPIC.replace('https', 'http'),
    TOPIC.replace('/api/events', ''),
    TOPIC.replace('/api/events', '/api/events/'),
    `${TOPIC}?code=s3cret`,
    'https://dockwarden.westeurope-1.eventgrid.azure.net.example/api/events',
    'https://eventgrid.azure.net/api/events',
    'https://dockwarden.westeurope-1.eventgrid.azure.net:8443/api/events',
    'https://hooks.example/api/events',
    'https://127.0.0.1/api/events',
    'https://localhost.example/api/events',
    '@Microsoft.KeyVault(SecretUri=https://kv.vault.azure.net/secrets/topic)',
    ...urlLookalikes(TOPIC).filter((text) => text.toLowerCase() !== TOPIC),
  ])('go nowhere while the address is %j, which is a finding and keeps what waits', (text) => {
    const { events, findings, cap } = parse({ EVENTS_TOPIC_ENDPOINT: text });

    expect(events).toEqual({ topic: undefined, isUnclear: true });
    expect(findings.map(({ setting }) => setting)).toEqual(['EVENTS_TOPIC_ENDPOINT']);
    expect(findings[0]?.message).toContain('what is to be published waits');
    expect(findings[0]?.message).not.toContain('s3cret');
    // What is told to others is no matter of what may be changed.
    expect(cap).toBe('enforce');
  });

  test.each(['EVENTS_TOPIC_ENPOINT', 'EVENT_TOPIC_ENDPOINT', 'events_topic_url'])(
    'are not meant by %s, which is a finding',
    (name) => {
      const { findings } = parse({ [name]: TOPIC });

      expect(findings).toMatchObject([{ setting: name, problem: 'unknown-setting' }]);
      expect(findings[0]?.message).toContain('the nearest is EVENTS_TOPIC_ENDPOINT');
    },
  );
});
