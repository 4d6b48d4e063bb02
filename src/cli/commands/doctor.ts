import { type Command, InvalidArgumentError, Option } from 'commander';
import { type AppId, parseAppId } from '../../doctor/app-id.ts';
import { beforeDeployChecks } from '../../doctor/before-deploy/before-deploy-checks.ts';
import { createDeployedContext, type DeployedContext } from '../../doctor/deployed.ts';
import { deployedChecks } from '../../doctor/deployed-checks.ts';
import { type DoctorReport, isHealthy, runChecks } from '../../doctor/run-checks.ts';
import { DockwardenError, isDockwardenError } from '../../errors.ts';
import { shellQuote } from '../../remediations/advice.ts';
import { openDeployed, openSubscription } from '../doctor-access.ts';
import { formatFindings } from '../format-findings.ts';
import { type FormatOptions, formatOption } from '../options.ts';
import { note, type Shell } from '../terminal.ts';

interface DoctorOptions extends FormatOptions {
  readonly app?: AppId;
  readonly directory: string;
  readonly beforeDeploy?: true;
  readonly subscription?: string;
  readonly location?: string;
  readonly environmentName?: string;
}

/** What the parameter `environmentName` is called where nobody says otherwise. */
const DEFAULT_ENVIRONMENT = 'dockwarden';
const DEFAULT_DIRECTORY = '.dockwarden';

/** `doctor`: is a set-up as it should be? `doctor --before-deploy`: can it be deployed? */
export function addDoctor(program: Command, { terminal, time, setExitCode }: Shell): void {
  const doctor = program
    .command('doctor')
    .description('check a set-up, as whoever is signed in: each finding comes with the command that mends it')
    .addOption(
      new Option(
        '--app <resource id>',
        'function app to check: /subscriptions/<id>/resourceGroups/<name>/providers/Microsoft.Web/sites/<name> (default: that of the local run of "npm start")',
      ).argParser(parseApp),
    )
    .addOption(new Option('--directory <path>', 'where "npm start" keeps its run.json').default(DEFAULT_DIRECTORY))
    .addOption(
      new Option('--before-deploy', 'check whether a subscription can be deployed to, instead of an app').conflicts(
        'app',
      ),
    )
    .addOption(new Option('--subscription <id>', 'with --before-deploy: subscription to deploy to').argParser(parseId))
    .option('--location <name>', 'with --before-deploy: region to deploy to, for example westeurope')
    .option(
      '--environment-name <name>',
      `with --before-deploy: environmentName of the template (default: "${DEFAULT_ENVIRONMENT}")`,
    )
    .addOption(formatOption())
    .addHelpText('after', '\nExit codes: 0 nothing to do, 1 an error or a warning was found, 2 wrong usage.');
  doctor.action(async (options: DoctorOptions) => {
    const found =
      options.beforeDeploy === true ? await lookBefore(readPlan(options, doctor)) : await lookAfter(options, doctor);
    const report = withOptions(found, options);
    terminal.print(options.format === 'json' ? JSON.stringify(report, undefined, 2) : formatFindings(report));
    setExitCode(isHealthy(report) ? 0 : 1);
  });

  async function lookAfter(options: DoctorOptions, command: Command): Promise<DoctorReport> {
    const stray = (['subscription', 'location', 'environmentName'] as const).find(
      (name) => options[name] !== undefined,
    );
    if (stray !== undefined) refuse(command, `error: ${FLAGS[stray]} needs --before-deploy`);
    const access = await openDeployed(options, () => time.now());
    const context = createDeployedContext(access);
    await requireApp(context);
    return await runChecks(deployedChecks, context, access.app.id, tell);
  }

  async function lookBefore({ directory, subscriptionId, ...plan }: Plan): Promise<DoctorReport> {
    const arm = await openSubscription(directory, subscriptionId);
    const context = { ...plan, subscriptionId, arm, now: () => time.now() };
    return await runChecks(beforeDeployChecks, context, `/subscriptions/${subscriptionId}`, tell);
  }

  function tell(text: string): void {
    note(terminal, text);
  }
}

/** An app that is not there is said once; what else goes wrong is for the checks to tell. */
async function requireApp({ app, readApp }: DeployedContext): Promise<void> {
  try {
    await readApp();
  } catch (error) {
    if (!isDockwardenError(error, 'AZURE_NOT_FOUND')) return;
    throw new DockwardenError(
      'CONFIG_MISSING',
      `there is no function app ${app.id}: az functionapp list --query "[].id" --output tsv`,
    );
  }
}

const FLAGS = {
  subscription: '--subscription',
  location: '--location',
  environmentName: '--environment-name',
} as const;

/** The checks say "dockwarden doctor" where somebody is to look again: that needs the options of this time. */
function withOptions(
  report: DoctorReport,
  { app, directory, environmentName, ...options }: DoctorOptions,
): DoctorReport {
  const { beforeDeploy, location = '', subscription = '' } = options;
  const again = [
    'dockwarden doctor',
    ...(app === undefined ? [] : [`--app ${shellQuote(app.id)}`]),
    ...(directory === DEFAULT_DIRECTORY ? [] : [`--directory ${shellQuote(directory)}`]),
    ...(beforeDeploy === true
      ? [`--before-deploy --subscription ${shellQuote(subscription)} --location ${shellQuote(location)}`]
      : []),
    ...(environmentName === undefined ? [] : [`--environment-name ${shellQuote(environmentName)}`]),
  ].join(' ');
  const findings = report.findings.map((finding) =>
    finding.command === undefined
      ? finding
      : { ...finding, command: finding.command.replaceAll(/(?<=^|&& )dockwarden doctor$/gm, () => again) },
  );
  return { ...report, findings };
}

interface Plan {
  readonly directory: string;
  readonly subscriptionId: string;
  readonly location: string;
  readonly environmentName: string;
}

function readPlan(
  { directory, environmentName = DEFAULT_ENVIRONMENT, location, subscription }: DoctorOptions,
  command: Command,
): Plan {
  if (subscription === undefined || location === undefined)
    refuse(command, 'error: --before-deploy needs --subscription and --location');
  return { directory, subscriptionId: subscription, location, environmentName };
}

/** Ends as every wrong usage does. */
function refuse(command: Command, message: string): never {
  command.error(message, { exitCode: 2 });
}

function parseApp(text: string): AppId {
  const app = parseAppId(text);
  if (app !== undefined) return app;
  throw new InvalidArgumentError(
    'Expected a resource id: az functionapp show --resource-group <group> --name <name> --query id --output tsv',
  );
}

function parseId(text: string): string {
  if (/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)) return text;
  throw new InvalidArgumentError('Expected the id of a subscription: az account show --query id --output tsv');
}
