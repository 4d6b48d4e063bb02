import { describe, expect, it } from 'vitest';
import { readTelemetryTarget } from '../../src/telemetry/target.ts';

const CONNECTION =
  'InstrumentationKey=11111111-2222-3333-4444-555555555555;IngestionEndpoint=https://x.in.applicationinsights.azure.com/';
const given = (environment: Readonly<Record<string, string>>) =>
  readTelemetryTarget({ APPLICATIONINSIGHTS_CONNECTION_STRING: CONNECTION, ...environment });

describe('metrics go', () => {
  it.each([{}, { APPLICATIONINSIGHTS_CONNECTION_STRING: '' }, { APPLICATIONINSIGHTS_CONNECTION_STRING: '  ' }])(
    'nowhere while no Application Insights is named: %j',
    (environment) => {
      expect(readTelemetryTarget(environment)).toBeUndefined();
    },
  );

  it('to the Application Insights of the platform, under the name of the app', () => {
    expect(given({ WEBSITE_SITE_NAME: 'func-1', WEBSITE_INSTANCE_ID: 'abc' })).toEqual({
      connectionString: CONNECTION,
      roleName: 'func-1',
      roleInstance: 'abc',
    });
    expect(given({ CONTAINER_NAME: 'pod' })).toMatchObject({ roleName: 'dockwarden', roleInstance: 'pod' });
    expect(given({})).toMatchObject({ roleName: 'dockwarden', roleInstance: 'local' });
  });

  it.each([
    ['ClientId=c-1;Authorization=AAD', { clientId: 'c-1' }],
    ['Authorization=AAD;ClientId=c-1', { clientId: 'c-1' }],
    [' authorization = aad ; clientid = c-1 ;', { clientId: 'c-1' }],
    ['Authorization=AAD', {}],
    ['Authorization=AAD;ClientId=', {}],
    ['ClientId=c-1', undefined],
    ['Authorization=none', undefined],
    ['', undefined],
    [';;=;', undefined],
  ])('as %j says', (text, identity) => {
    expect(given({ APPLICATIONINSIGHTS_AUTHENTICATION_STRING: text })?.identity).toEqual(identity);
  });
});
