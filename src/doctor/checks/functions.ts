import { appOptions, deleteSetting } from '../app-id.ts';
import { type DoctorFinding, defineCheck } from '../check.ts';
import type { DeployedContext } from '../deployed.ts';
import { listFunctions } from '../function-app.ts';

type Code = 'function-missing' | 'function-disabled';

/** Every function is there, and none is switched off without need. */
export const functionsCheck = defineCheck<DeployedContext, Code>({
  id: 'functions',
  title: 'the functions that Azure knows of',
  codes: ['function-missing', 'function-disabled'],
  async run(context) {
    const { app, arm, functionNames, optionalFunctions } = context;
    const deployed = await listFunctions(arm, app);
    const known = new Map(deployed.map((found) => [found.name.toLowerCase(), found]));
    // Only for the command: the host reads these names in any casing, and az deletes exactly the one that it is given.
    const environment = await context.readEnvironment().catch(() => ({}));
    const switches = new Map(
      Object.keys(environment).map((key) => [
        /^AzureWebJobs\.(.+)\.Disabled$/i.exec(key)?.[1]?.toLowerCase() ?? '',
        key,
      ]),
    );
    return functionNames.flatMap((name): DoctorFinding<Code>[] => {
      const found = known.get(name.toLowerCase());
      if (found === undefined) {
        return [
          {
            severity: 'error',
            code: 'function-missing',
            subject: name,
            message: 'Azure knows no such function: the package is another one, or it could not be loaded.',
            command: `az functionapp deployment source config-zip ${appOptions(app)} --src "\${PACKAGE:?set it to the zip that npm run package writes}"`,
          },
        ];
      }
      if (!found.isDisabled || optionalFunctions.includes(name)) return [];
      return [
        {
          severity: 'error',
          code: 'function-disabled',
          subject: name,
          message: 'The function is switched off.',
          command: deleteSetting(app, switches.get(name.toLowerCase()) ?? `AzureWebJobs.${name}.Disabled`),
        },
      ];
    });
  },
});
