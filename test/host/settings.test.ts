import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseRoute } from '../../local/host/http-routes.ts';
import { isAllowed, parseKeys } from '../../local/host/keys.ts';
import { createLog } from '../../local/host/log.ts';
import {
  isDisabled,
  parseTimeSpan,
  readHostConfiguration,
  readLocalSettings,
  resolvePlaceholders,
} from '../../local/host/settings.ts';

describe('settings', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'dockwarden-settings-'));
    const extensions = { queues: { batchSize: 8, visibilityTimeout: '00:00:30' } };
    await writeFile(join(folder, 'host.json'), JSON.stringify({ version: '2.0', extensions }));
    await writeFile(join(folder, 'local.settings.json'), JSON.stringify({ Values: { A: 'file', B: 'file' } }));
  });
  afterAll(async () => await rm(folder, { recursive: true }));

  test('local.settings.json gives only what the environment lacks', () => {
    expect(readLocalSettings(folder, { A: 'environment' })).toEqual({ B: 'file' });
  });

  test('host.json has the defaults of the real host', () => {
    expect(readHostConfiguration(folder, {})).toMatchObject({
      functionTimeout: 1_800_000,
      extensions: {
        http: { routePrefix: 'api' },
        queues: {
          batchSize: 8,
          maxDequeueCount: 5,
          visibilityTimeout: 30_000,
          maxPollingInterval: 60_000,
          messageEncoding: 'base64',
        },
      },
    });
  });

  test('AzureFunctionsJobHost__a__b overrides a.b of host.json', () => {
    const configuration = readHostConfiguration(folder, {
      AzureFunctionsJobHost__functionTimeout: '-1',
      AzureFunctionsJobHost__Extensions__queues__batchSize: '32',
      AzureFunctionsJobHost__extensions__http__routePrefix: '',
    });

    expect(configuration.functionTimeout).toBe(Number.POSITIVE_INFINITY);
    expect(configuration.extensions.queues).toMatchObject({ batchSize: 32, visibilityTimeout: 30_000 });
    expect(configuration.extensions.http.routePrefix).toBe('');
  });

  test('a value out of range stops the host', () => {
    expect(() => readHostConfiguration(folder, { AzureFunctionsJobHost__extensions__queues__batchSize: '33' })).toThrow(
      '<=32',
    );
    expect(() => readHostConfiguration(folder, { AzureFunctionsJobHost__functionTimeout: '5m' })).toThrow('time span');
  });

  test('placeholders are resolved, also with a colon, and a missing one is named', () => {
    expect(resolvePlaceholders('a-%X%-%Y:Z%', { X: '1', Y__Z: '2' })).toBe('a-1-2');
    expect(() => resolvePlaceholders('%GONE%', {})).toThrow("'%GONE%' does not resolve to a value.");
  });

  test.each([
    ['1', true],
    ['True', true],
    ['0', false],
    ['yes', false],
  ])('AzureWebJobs.f.Disabled=%s means %s', (value, disabled) => {
    expect(isDisabled('f', { 'AzureWebJobs.f.Disabled': value })).toBe(disabled);
  });

  test.each([
    ['00:00:30', 30_000],
    ['1.02:03:04.5', 93_784_500],
    ['-1', Number.POSITIVE_INFINITY],
    ['30', undefined],
  ])('the time span %s is %s ms', (text, milliseconds) => {
    expect(parseTimeSpan(text)).toBe(milliseconds);
  });
});

describe('routes', () => {
  test.each([
    ['api/items/{id}', '/api/items/a%20b', { id: 'a b' }],
    ['api/items/{id}', '/API/Items/x/', { id: 'x' }],
    ['api/items/{id}', '/api/items', undefined],
    [
      'api/items/{id:guid}',
      '/api/items/00000000-0000-0000-0000-000000000000',
      { id: '00000000-0000-0000-0000-000000000000' },
    ],
    ['api/items/{id:guid}', '/api/items/5', undefined],
    ['api/{name}.json', '/api/a.json', { name: 'a' }],
    ['api/{name}.json', '/api/axjson', undefined],
    ['api/{*rest}', '/api', {}],
    ['api/r/{id}', '/api/r/a%2Fb', { id: 'a%2Fb' }],
  ])('%s on %s gives %j', (template, path, parameters) => {
    expect(parseRoute(template).match(path)).toEqual(parameters);
  });

  test('a constraint that the host does not know is an error', () => {
    expect(() => parseRoute('a/{x:regex(y)}')).toThrow('not supported');
    expect(() => parseRoute('a/{x:int:min(1)}')).toThrow('only one constraint');
  });
});

describe('keys', () => {
  test('each opens its level, the master key every one', () => {
    const keys = parseKeys('function=f, master=m');

    expect(isAllowed(undefined, 'admin', undefined)).toBe(true);
    expect(isAllowed(keys, 'anonymous', undefined)).toBe(true);
    expect([isAllowed(keys, 'function', 'f'), isAllowed(keys, 'admin', 'f')]).toEqual([true, false]);
    expect([isAllowed(keys, 'admin', 'm'), isAllowed(keys, 'eventgrid', 'm')]).toEqual([true, true]);
    expect(isAllowed(keys, 'eventgrid', undefined)).toBe(false);
  });

  test('anything else than a list of keys is refused', () => {
    expect(() => parseKeys('secret')).toThrow('function=');
  });
});

describe('the log', () => {
  test('writes lines of at least the level of their longest matching category, as JSON or text', () => {
    const lines: string[] = [];
    const write = (line: string): void => {
      lines.push(line);
    };
    const thresholds = { default: 'Warning', Function: 'Information', 'Function.quiet': 'Error' };
    const log = createLog({ json: true, thresholds, write });
    const plain = createLog({ json: false, thresholds, write });

    log('Information', 'Host.Startup', 'too low');
    log('Information', 'Function.loud', 'written', { function: 'loud', invocationId: '12345678-9' });
    log('Warning', 'Function.quiet.User', 'too low');
    plain('Error', 'Function.quiet', 'as text', { invocationId: '12345678-9' });

    expect(lines).toHaveLength(2);
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      time: expect.any(String),
      level: 'Information',
      category: 'Function.loud',
      function: 'loud',
      invocationId: '12345678-9',
      message: 'written',
    });
    expect(lines[1]).toContain('ERROR [Function.quiet 12345678] as text');
  });
});
