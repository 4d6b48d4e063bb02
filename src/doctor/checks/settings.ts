import { isPlainObject } from '../../resources/lenient.ts';
import { listSettings } from '../../settings/catalogue.ts';
import { type ConfigurationFinding, isUnresolvedReference } from '../../settings/findings.ts';
import type { Environment } from '../../settings/settings.ts';
import { doctorVersions } from '../api-versions.ts';
import { type AppId, askForSetting, deleteSetting } from '../app-id.ts';
import { type DoctorFinding, defineCheck } from '../check.ts';
import type { DeployedContext } from '../deployed.ts';
import { notChecked } from '../not-checked.ts';

const codes = [
  'setting-invalid',
  'setting-missing',
  'setting-unknown',
  'setting-outdated',
  'setting-reference-unresolved',
  'setting-plain-secret',
] as const;
type Code = (typeof codes)[number];

/** What the app makes of its settings, and what only shows from outside: secrets that stand in them, references that are not resolved. */
export const settingsCheck = defineCheck<DeployedContext, Code>({
  id: 'settings',
  title: 'the app settings',
  codes,
  async run(context) {
    const { app } = context;
    let environment: Environment;
    try {
      environment = await context.readEnvironment();
    } catch (error) {
      // Reading settings shows every secret in them, so Reader may not.
      return [notChecked(app.id, error, { role: 'Website Contributor', scope: app.id })];
    }
    const { findings } = await context.readSettings();
    return [
      // Outside the app every reference looks unresolved.
      ...findings.flatMap((finding) =>
        finding.problem === 'unresolved-reference' ? [] : [describe(finding, context)],
      ),
      ...findPlainSecrets(environment, context),
      ...(await findUnresolved(environment, context)),
    ];
  },
});

const PROBLEMS: Readonly<Record<string, Code>> = {
  'invalid-value': 'setting-invalid',
  missing: 'setting-missing',
  'unknown-setting': 'setting-unknown',
  'former-name': 'setting-outdated',
};

function describe({ setting, problem, message }: ConfigurationFinding, context: DeployedContext): DoctorFinding<Code> {
  const { app } = context;
  const code = PROBLEMS[problem] ?? 'setting-invalid';
  const known = listSettings(context);
  const present = known.find(({ formerNames = [] }) => formerNames.includes(setting));
  const format = known.find(({ name }) => name === setting)?.format;
  // The value is not repeated: it may be a secret.
  const rename =
    present && `${askForSetting(app, present.name, `the value of ${setting}`)} && ${deleteSetting(app, setting)}`;
  const mend = format === undefined ? deleteSetting(app, setting) : askForSetting(app, setting, format);
  return {
    severity: code === 'setting-invalid' ? 'error' : 'warning',
    code,
    subject: setting,
    message,
    command: rename ?? mend,
  };
}

/** A connection string of Azure, a link with a shared access signature, or anything else with a key in it. */
const KEY = /(?:(?:AccountKey|SharedAccessKey|SharedAccessSignature)\s*|[?&]sig)=/i;
/** Settings by which the host finds its storage with an identity. */
const STORAGE_BY_IDENTITY = /^AzureWebJobsStorage(?:__|:)(?:accountName|blobServiceUri)$/i;

function findPlainSecrets(environment: Environment, context: DeployedContext): DoctorFinding<Code>[] {
  const secrets = new Set(
    listSettings(context).flatMap(({ formerNames = [], name, secret }) =>
      secret === true ? [name, ...formerNames] : [],
    ),
  );
  return Object.entries(environment).flatMap(([name, value = '']) => {
    if (isUnresolvedReference(value) || value === '') return [];
    if (!secrets.has(name) && !KEY.test(value)) return [];
    return [
      {
        severity: 'error',
        code: 'setting-plain-secret',
        subject: name,
        message:
          'A secret stands in this setting: whoever may read the settings has it. Use an identity, or a reference to a key vault.',
        command: secrets.has(name)
          ? askForSetting(context.app, name, '@Microsoft.KeyVault(SecretUri=<uri of the secret>)')
          : removeKey(context.app, name, environment),
      },
    ];
  });
}

/** Settings by which the platform finds the code or the files of an app. */
const OF_THE_PLATFORM = /^(?:WEBSITE_|DEPLOYMENT_STORAGE_CONNECTION_STRING$)/i;

/** Without any storage, or without its code, the app does not start: what takes the place of the key comes first. */
function removeKey(app: AppId, name: string, environment: Environment): string {
  if (OF_THE_PLATFORM.test(name))
    return askForSetting(app, name, 'a value without a key, or a reference to a key vault');
  const remove = deleteSetting(app, name);
  if (name !== 'AzureWebJobsStorage' || Object.keys(environment).some((key) => STORAGE_BY_IDENTITY.test(key)))
    return remove;
  return `${askForSetting(app, 'AzureWebJobsStorage__accountName', 'the name of the storage account')} && ${remove}`;
}

/** What the platform made of references to key vaults. */
async function findUnresolved(
  environment: Environment,
  { app, arm }: DeployedContext,
): Promise<readonly DoctorFinding<Code>[]> {
  const names = Object.entries(environment).flatMap(([name, value = '']) =>
    isUnresolvedReference(value) ? [name] : [],
  );
  if (names.length === 0) return [];
  try {
    const items = await arm.list(`${app.id}/config/configreferences/appsettings`, doctorVersions.sites);
    const states = new Map(items.map((item) => [String(item['name']).split('/').at(-1) ?? '', statusOf(item)]));
    return names.flatMap((name) => judgeReference(app, name, states.get(name)));
  } catch (error) {
    return [notChecked(`${app.id}/config/configreferences`, error, { role: 'Website Contributor', scope: app.id })];
  }
}

function judgeReference(app: AppId, name: string, status: string | undefined): DoctorFinding<Code>[] {
  if (status?.toLowerCase() === 'resolved') return [];
  return [
    {
      severity: 'error',
      code: 'setting-reference-unresolved',
      subject: name,
      message: `The platform does not resolve the reference to a key vault (${status ?? 'no status'}): the app gets its text instead of the secret.`,
      command: askForSetting(
        app,
        name,
        '@Microsoft.KeyVault(SecretUri=<uri of a secret that the identity of the app may read>)',
      ),
    },
  ];
}

function statusOf({ properties }: Readonly<Record<string, unknown>>): string | undefined {
  const status = isPlainObject(properties) ? properties['status'] : undefined;
  return typeof status === 'string' ? status : undefined;
}
