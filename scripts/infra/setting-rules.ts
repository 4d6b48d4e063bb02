import { isJsonObject, type Json, type JsonObject } from '../../local/azure/json.ts';
import { functionNames } from '../../src/functions/health.ts';
import {
  describeSettings,
  listSettings,
  type SettingDescription,
  type SettingsCatalogue,
} from '../../src/settings/catalogue.ts';
import { parseSettings, type Settings } from '../../src/settings/settings.ts';
import { type Judgement, ofType, type Resource, readPath, textAt } from './resources.ts';

/** What is set besides the settings of the catalogue, and who reads it. */
const PLATFORM: readonly RegExp[] = [
  // The Functions host: connections in their identity form.
  /^AzureWebJobsStorage__(?:accountName|credential|clientId|blobServiceUri|queueServiceUri|tableServiceUri)$/,
  /^DefenderEventHub__(?:fullyQualifiedNamespace|credential|clientId)$/,
  // The host, and the export of telemetry.
  /^APPLICATIONINSIGHTS_(?:CONNECTION_STRING|AUTHENTICATION_STRING)$/,
];

/** Flex Consumption refuses these, or has properties in their place. */
const REFUSED = /^(?:FUNCTIONS_WORKER_RUNTIME|FUNCTIONS_EXTENSION_VERSION|WEBSITE_.*|SCM_.*|ENABLE_ORYX_BUILD)$/;

/** The application settings that a snapshot gives to its one function app. Throws when there is not one, or a value is no text. */
export function readAppSettings(predicted: readonly Resource[]): Readonly<Record<string, string>> {
  const sites = ofType(predicted, 'Microsoft.Web/sites');
  const [site] = sites;
  if (site === undefined || sites.length > 1) throw new Error(`${sites.length} function apps instead of one`);
  const configs = ofType(predicted, 'Microsoft.Web/sites/config').filter(({ id }) => id.endsWith('/appsettings'));
  const listed = readPath(site.body, 'properties.siteConfig.appSettings');
  const pairs = [
    ...(Array.isArray(listed)
      ? listed.map((each: Json): [string, Json | undefined] => [textAt(each, 'name'), readPath(each, 'value')])
      : []),
    ...configs.flatMap(({ body }) => Object.entries(asObject(body['properties']))),
  ];
  const settings: Record<string, string> = {};
  for (const [name, value] of pairs) {
    if (typeof value !== 'string') throw new Error(`setting ${name} is not a text: ${JSON.stringify(value)}`);
    if (settings[name] !== undefined) throw new Error(`setting ${name} is there twice`);
    settings[name] = value;
  }
  return settings;
}

/** Every setting with a default, or without which something is lost, is set; nothing is set that nobody reads; what is set is valid; no secret is in a value. */
export function judgeAppSettings(predicted: readonly Resource[], catalogue: SettingsCatalogue): Judgement {
  const settings = readAppSettings(predicted);
  const known = new Map(listSettings(catalogue).map((setting) => [setting.name, setting]));
  const mandatory = [...known.values()].filter(({ ifMissing }) => ifMissing !== undefined);
  const wanted = new Set([...listDefaults(catalogue), ...mandatory].map(({ name }) => name));
  const absent = [...wanted]
    .filter((name) => settings[name] === undefined || settings[name] === '')
    .map((name) => `setting ${name} is read by the app, and not set`);
  const strange = Object.entries(settings).flatMap(([name, value]) => {
    if (REFUSED.test(name)) return [`setting ${name} is refused by Flex Consumption`];
    if (/(?:AccountKey|SharedAccessKey|SharedAccessSignature)=/i.test(value)) return [`setting ${name} holds a key`];
    const setting = known.get(name);
    if (setting === undefined) return isPlatform(name) ? [] : [`setting ${name} is read by nobody`];
    if (setting.secret === true && value !== '' && !value.startsWith('@Microsoft.KeyVault(')) {
      return [`setting ${name} is a secret, and not a reference to a key vault`];
    }
    return setting.parse(value) === undefined && !isDeployed(value) ? [`setting ${name} is not valid: ${value}`] : [];
  });
  return { seen: Object.keys(settings).length, problems: [...absent, ...strange] };
}

/** With all defaults every setting says what the app would assume without it. */
export function judgeDefaults(predicted: readonly Resource[], catalogue: SettingsCatalogue): Judgement {
  const settings = readAppSettings(predicted);
  const defaults = listDefaults(catalogue);
  const wrong = defaults.filter((setting) => settings[setting.name] !== setting.default);
  return {
    seen: defaults.length,
    problems: wrong.map(
      ({ name, default: text }) => `setting ${name} is ${settings[name] ?? 'not set'}, and ${text} by default`,
    ),
  };
}

function listDefaults(catalogue: SettingsCatalogue): readonly SettingDescription[] {
  return describeSettings(catalogue).filter((setting) => setting.default !== '');
}

/** The settings as the app would find them; what is known only when it is deployed has an example's value in its place. */
export function readDeployedSettings(predicted: readonly Resource[], catalogue: SettingsCatalogue): Settings {
  const examples = new Map(listSettings(catalogue).map(({ name, examples: [first] }) => [name, first]));
  const settings = Object.entries(readAppSettings(predicted)).map(([name, value]) => [
    name,
    isDeployed(value) ? (examples.get(name) ?? value) : value,
  ]);
  return parseSettings(Object.fromEntries(settings), catalogue);
}

/** The settings that a template is given; those that it is not given have their defaults, and those that the app's own template works out an example's value. */
export function readGivenSettings(given: Json | undefined, catalogue: SettingsCatalogue): Settings {
  const texts = Object.entries(asObject(given)).map(([name, value]) => [
    name,
    typeof value === 'string' ? value : JSON.stringify(value),
  ]);
  const examples = listSettings(catalogue).flatMap(({ name, ifMissing, examples: [first] }) =>
    ifMissing === undefined || first === undefined ? [] : [[name, first]],
  );
  return parseSettings(Object.fromEntries([...examples, ...texts]), catalogue);
}

/** What is known only when it is deployed, as the id of an identity, is an expression in a snapshot. */
function isDeployed(value: string): boolean {
  return value.startsWith('[') || value.startsWith('@Microsoft.KeyVault(');
}

function isPlatform(name: string): boolean {
  if (PLATFORM.some((pattern) => pattern.test(name))) return true;
  const switched = /^AzureWebJobs\.(?<name>\w+)\.Disabled$/.exec(name)?.groups?.['name'];
  return functionNames.some((each) => each === switched);
}

/** Settings that the template works out itself; the rest of the catalogue is in the type of its parameter. */
export function judgeSettingsType(
  template: JsonObject,
  catalogue: SettingsCatalogue,
  derived: readonly string[],
): Judgement {
  const type = Object.entries(asObject(template['definitions'])).find(([name]) =>
    /(?:^|[._])appSettings$/.test(name),
  )?.[1];
  const properties = Object.keys(asObject(readPath(type, 'properties')));
  const isSealed = readPath(type, 'additionalProperties') === false;
  const wanted = listSettings(catalogue)
    .map(({ name }) => name)
    .filter((name) => !derived.includes(name));
  return {
    seen: properties.length,
    problems: [
      ...(isSealed ? [] : ['the parameter takes settings that nobody knows: its type is not sealed']),
      ...wanted.filter((name) => !properties.includes(name)).map((name) => `setting ${name} is no parameter`),
      ...properties
        .filter((name) => !wanted.includes(name))
        .map((name) => `parameter ${name} is read by nobody, or worked out by the template`),
    ],
  };
}

function asObject(value: Json | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}
