import { type Command, InvalidArgumentError, Option } from 'commander';
import { type AppId, parseAppId } from '../../doctor/app-id.ts';
import { createDeployedContext } from '../../doctor/deployed.ts';
import { deployedChecks } from '../../doctor/deployed-checks.ts';
import { type DoctorReport, isHealthy, runChecks } from '../../doctor/run-checks.ts';
import { openDeployed } from '../doctor-access.ts';
import { formatFindings } from '../format-findings.ts';
import { type FormatOptions, formatOption } from '../options.ts';
import { note, type Shell } from '../terminal.ts';

interface DoctorOptions extends FormatOptions {
  readonly app?: AppId;
  readonly directory: string;
}

/** `doctor`: is a set-up as it should be? */
export function addDoctor(program: Command, { terminal, time, setExitCode }: Shell): void {
  program
    .command('doctor')
    .description('check a set-up, as whoever is signed in: each finding comes with the command that mends it')
    .addOption(
      new Option(
        '--app <resource id>',
        'function app to check: /subscriptions/<id>/resourceGroups/<name>/providers/Microsoft.Web/sites/<name> (default: that of the local run of "npm start")',
      ).argParser(parseApp),
    )
    .addOption(new Option('--directory <path>', 'where "npm start" keeps its run.json').default('.dockwarden'))
    .addOption(formatOption())
    .addHelpText('after', '\nExit codes: 0 nothing to do, 1 an error or a warning was found, 2 wrong usage.')
    .action(async (options: DoctorOptions) => {
      const access = openDeployed(options, () => time.now());
      const report = await runChecks(deployedChecks, createDeployedContext(access), access.app.id, (text) => {
        note(terminal, text);
      });
      show(report, options);
    });

  function show(report: DoctorReport, { format }: FormatOptions): void {
    terminal.print(format === 'json' ? JSON.stringify(report, undefined, 2) : formatFindings(report));
    setExitCode(isHealthy(report) ? 0 : 1);
  }
}

function parseApp(text: string): AppId {
  const app = parseAppId(text);
  if (app !== undefined) return app;
  throw new InvalidArgumentError(
    'Expected a resource id: az functionapp show --resource-group <group> --name <name> --query id --output tsv',
  );
}
