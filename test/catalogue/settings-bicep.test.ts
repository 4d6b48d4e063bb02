import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { bicepString } from '../../scripts/generated/bicep-text.ts';
import { derivedSettings, renderSettingsBicep } from '../../scripts/generated/settings-bicep.ts';
import { policies } from '../../src/policy/catalogue.ts';
import { remediations, trackers } from '../../src/remediations/catalogue.ts';
import { describeSettings, listSettings } from '../../src/settings/catalogue.ts';
import { defineSetting } from '../../src/settings/setting.ts';

const catalogue = { policies, remediations, trackers };
const settings = listSettings(catalogue);
const text = renderSettingsBicep(describeSettings(catalogue), settings, catalogue);

/** The lines of one declaration, from its name to the brace at the beginning of a line. */
function blockOf(declaration: string): readonly string[] {
  const [, block = ''] = text.split(`${declaration} = {\n`);
  return block.split('\n}')[0]?.split('\n') ?? [];
}

/** Names and expressions of an object. */
function entriesOf(name: string): ReadonlyMap<string, string> {
  const pairs = blockOf(`var ${name}`).map((line) => /^ {2}'?([\w-]+)'?: (.*)$/.exec(line));
  return new Map(pairs.map((pair) => [pair?.[1] ?? '', pair?.[2] ?? '']));
}

const typed = new Map(
  blockOf('type appSettings')
    .map((line) => /^ {2}(\w+): (.*)\?$/.exec(line))
    .flatMap((match) => (match?.[1] === undefined || match[2] === undefined ? [] : [[match[1], match[2]] as const])),
);

describe('the settings as parameters of the template', () => {
  it('are all of the catalogue, but for those that the template works out', () => {
    expect(typed.size).toBeGreaterThan(90);
    expect([...typed.keys(), ...derivedSettings].toSorted()).toEqual(settings.map(({ name }) => name).toSorted());
  });

  it('have the words as type where only these are valid, and are texts otherwise', () => {
    for (const setting of settings.filter(({ name }) => typed.has(name))) {
      const { name } = setting;
      const type = typed.get(name) ?? '';
      const words = [...type.matchAll(/'([^']*)'/g)].map(([, word = '']) => word);
      expect(`${name}: ${words.length > 0 || type === 'string'}`).toBe(`${name}: true`);
      expect(words.filter((word) => setting.parse(word) === undefined)).toEqual([]);
    }
    expect(typed.get('REMEDIATE_ACR_DISABLE_ADMIN_USER')).toBe("('off' | 'observe' | 'approve' | 'enforce')");
    expect(typed.get('POLICY_ACR_ADMIN_USER_DISABLED')).toBe("('on' | 'off')");
    expect(typed.get('AKS_RUN_COMMAND')).toBe("('off' | 'private-clusters')");
    expect(typed.get('BREAKER_FLEET_SHARE')).toBe('string');
  });

  it('that the template works out are set there, each by its name', async () => {
    const template = await readFile(fileURLToPath(new URL('../../infra/main.bicep', import.meta.url)), 'utf8');

    expect(derivedSettings.length).toBeGreaterThan(5);
    expect(
      derivedSettings.filter((name) => !new RegExp(`'${name}'|^ *(?:\\? \\{ )?${name}:`, 'm').test(template)),
    ).toEqual([]);
  });

  it('are texts where words are only an example of what is valid', () => {
    const setting = defineSetting<number>({
      name: 'SOME_LIMIT',
      description: 'A limit.',
      format: 'some or many',
      default: 1,
      examples: ['1', '2'],
      parse: (word) => (word === 'many' ? 99 : undefined),
      consequence: 'none',
    });
    const description = { ...setting, default: '' };

    expect(renderSettingsBicep([description], [setting], { remediations: [], policies: [] })).toContain(
      'SOME_LIMIT: string?',
    );
  });

  it('have the defaults of the code, or those of the cloud that they are deployed to', () => {
    const defaults = entriesOf('settingDefaults');
    const ofCloud = entriesOf('cloudDefaults');
    const own = settings.filter(
      ({ name, ifMissing }) => typed.has(name) && !ofCloud.has(name) && ifMissing === undefined,
    );
    const deployed = own.map((setting) => {
      const literal = defaults.get(setting.name);
      // Nothing set means the same as the default, which may be an empty text.
      if (literal === undefined) return [setting.name, setting.default === undefined ? undefined : setting.parse('')];
      return [setting.name, setting.parse(literal.slice(1, -1).replaceAll(/\\(.)/g, '$1'))];
    });

    expect(deployed).toEqual(own.map((setting) => [setting.name, setting.default]));
    expect([...ofCloud.keys()].filter((name) => defaults.has(name))).toEqual([]);
    expect([...ofCloud.values()].every((expression) => expression.includes('environment()'))).toBe(true);
  });

  it('that are needed have a default here, so that nothing is lost in a deployment', () => {
    const defaults = entriesOf('settingDefaults');
    const needed = settings.filter(({ ifMissing, name }) => ifMissing !== undefined && typed.has(name));

    expect(needed.map(({ name }) => name)).toContain('SWEEP_SCHEDULE');
    expect(needed.filter(({ name }) => !defaults.has(name))).toEqual([]);
  });

  it('name the mode of each remediation, the secrets, and the policies that look at nodes', () => {
    expect([...entriesOf('modeSettings').keys()]).toEqual(remediations.map(({ id }) => id));
    for (const { name } of settings.filter(({ secret }) => secret === true)) {
      expect(text.split('var secretSettings')[1]).toContain(`'${name}'`);
    }
    expect(
      text
        .split('var nodePolicySettings')[1]
        ?.split(']')[0]
        ?.match(/'POLICY_AKS_NODE_/g),
    ).toHaveLength(3);
    expect(text.split('var vaultSettings')[1]?.split(']')[0]).toContain("'ACR_ROTATED_PASSWORD_VAULT'");
  });
});

describe('text in Bicep', () => {
  it.each([
    ["it's", String.raw`'it\'s'`],
    ['a\\b', String.raw`'a\\b'`],
    ['${secret}', String.raw`'\${secret}'`],
    ['$5 {x}', "'$5 {x}'"],
    ['one\ntwo\r\tthree', String.raw`'one\ntwo\r\tthree'`],
  ])('is never evaluated and ends where it should: %j', (plain, literal) => {
    expect(bicepString(plain)).toBe(literal);
  });
});
