import * as z from 'zod';
import { shellQuote, showName } from '../../remediations/advice.ts';
import { lenient, lenientObject } from '../../resources/lenient.ts';
import { type DoctorFinding, defineCheck } from '../check.ts';
import { type BeforeDeployContext, deployVersions, foldLocation, readAnswer, subscriptionPath } from './context.ts';

/** What az calls the deployment of a file main.bicep, whoever made it. */
const DEFAULT_NAME = 'main';
/** Most deployments that are named one by one. */
const MAX_SHOWN = 20;
const ENDED = ['Succeeded', 'Failed', 'Canceled'];
/** The same as a query of az. */
const HAS_ENDED = ENDED.map((state) => `properties.provisioningState=='${state}'`).join(' || ');

type Code = 'deployment-in-another-location' | 'deployment-name-taken' | 'deployment-running';

const Deployment = z.object({
  name: z.string(),
  location: lenient(z.string()),
  properties: lenientObject({
    provisioningState: lenient(z.string()),
    parameters: lenientObject({ environmentName: lenientObject({ value: lenient(z.string()) }) }),
  }),
});
type Deployment = z.infer<typeof Deployment>;

/** Azure keeps old deployments, and refuses one of the same name in another location, or while the other one runs. */
export const deploymentsCheck = defineCheck<BeforeDeployContext, Code>({
  id: 'deployments',
  title: 'deployments of the same name',
  codes: ['deployment-in-another-location', 'deployment-name-taken', 'deployment-running'],
  async run(context) {
    const path = `${subscriptionPath(context)}/providers/Microsoft.Resources/deployments`;
    const items = await context.arm.list(path, deployVersions.resources);
    const found = items.map((item) => readAnswer(Deployment, item, 'a deployment'));
    const own = found.filter((deployment) => isOfEnvironment(deployment, context));
    const others = found.filter((deployment) => !own.includes(deployment));
    return [
      ...own.filter(isRunning).map((deployment) => running(context, deployment)),
      ...own
        .filter((deployment) => isElsewhere(deployment, context))
        .slice(0, MAX_SHOWN)
        .map((deployment) => elsewhere(context, deployment)),
      ...others
        .filter(({ name }) => name.toLowerCase() === DEFAULT_NAME)
        .filter((deployment) => isElsewhere(deployment, context))
        .map((deployment) => taken(context, deployment)),
    ];
  },
});

/** The template and its modules have the name of the environment as a parameter; who names the deployment itself after it is meant as well. */
function isOfEnvironment({ name, properties }: Deployment, { environmentName }: BeforeDeployContext): boolean {
  const wanted = environmentName.toLowerCase();
  return properties.parameters.environmentName.value?.toLowerCase() === wanted || name.toLowerCase() === wanted;
}

function isRunning({ properties: { provisioningState } }: Deployment): boolean {
  return provisioningState !== undefined && !ENDED.includes(provisioningState);
}

function isElsewhere({ location }: Deployment, context: BeforeDeployContext): boolean {
  return location !== undefined && foldLocation(location) !== foldLocation(context.location);
}

function optionsOf({ subscriptionId }: BeforeDeployContext, { name }: Deployment): string {
  return `--subscription ${shellQuote(subscriptionId)} --name ${shellQuote(name)}`;
}

function running(context: BeforeDeployContext, deployment: Deployment): DoctorFinding<Code> {
  return {
    severity: 'error',
    code: 'deployment-running',
    subject: deployment.name,
    message:
      'A deployment of this environment is running. A second one would be refused, or both would change the same: wait for its end.',
    command: `az deployment sub wait ${optionsOf(context, deployment)} --custom ${shellQuote(HAS_ENDED)}`,
  };
}

function elsewhere(context: BeforeDeployContext, deployment: Deployment): DoctorFinding<Code> {
  const { location = '' } = deployment;
  return {
    severity: 'error',
    code: 'deployment-in-another-location',
    subject: deployment.name,
    message: `This environment was deployed in ${showName(location)} before, and Azure remembers that: a deployment of the same name elsewhere is refused (InvalidDeploymentLocation). The command makes Azure forget this one; it removes no resource.`,
    command: `az deployment sub delete ${optionsOf(context, deployment)}`,
  };
}

function taken(context: BeforeDeployContext, { location = '', name }: Deployment): DoctorFinding<Code> {
  const { environmentName, location: wanted, subscriptionId } = context;
  return {
    severity: 'info',
    code: 'deployment-name-taken',
    subject: name,
    message: `Something else was deployed under this name in ${showName(location)}; it is the name that az takes for main.bicep. Name your deployment, if you do not use azd.`,
    command: `az deployment sub create --subscription ${shellQuote(subscriptionId)} --name ${shellQuote(environmentName)} --location ${shellQuote(foldLocation(wanted))} --template-file infra/main.bicep --parameters infra/main.bicepparam`,
  };
}
