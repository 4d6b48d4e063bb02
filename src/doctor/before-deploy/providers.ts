import * as z from 'zod';
import { shellQuote } from '../../remediations/advice.ts';
import { type DoctorFinding, defineCheck } from '../check.ts';
import { attempt } from '../not-checked.ts';
import { type BeforeDeployContext, deployVersions, readAnswer, subscriptionPath } from './context.ts';
import { listNamespaces, templateTypes } from './template-types.ts';

type Code = 'provider-not-registered' | 'export-provider-not-registered';

const Provider = z.object({ registrationState: z.string() });

/** Every resource provider that the template needs is registered in the subscription. */
export const providersCheck = defineCheck<BeforeDeployContext, Code>({
  id: 'providers',
  title: 'registration of resource providers',
  codes: ['provider-not-registered', 'export-provider-not-registered'],
  async run(context) {
    const needed = listNamespaces(templateTypes.always);
    const findings = await Promise.all([
      ...needed.map(async (name) => await checkProvider(context, name, true)),
      ...listNamespaces(templateTypes.export)
        .filter((name) => !needed.includes(name))
        .map(async (name) => await checkProvider(context, name, false)),
    ]);
    return findings.flat();
  },
});

async function checkProvider(
  context: BeforeDeployContext,
  namespace: string,
  isNeeded: boolean,
): Promise<readonly DoctorFinding<Code>[]> {
  return await attempt<Code>(namespace, async () => {
    const path = `${subscriptionPath(context)}/providers/${namespace}`;
    const answer = await context.arm.get(path, deployVersions.resources);
    const { registrationState: state } = readAnswer(Provider, answer, namespace);
    if (state.toLowerCase() === 'registered') return [];
    const options = `--subscription ${shellQuote(context.subscriptionId)} --namespace ${namespace}`;
    const about = {
      subject: namespace,
      command: `az provider register ${options} --wait`,
    };
    if (isNeeded) {
      const message = `This resource provider is ${describe(state)} in the subscription: resources of the template cannot be made.`;
      return [{ severity: 'error', code: 'provider-not-registered', message, ...about }];
    }
    const message = `This resource provider is ${describe(state)} in the subscription. Only the export of Defender for Cloud needs it (enableDefenderExport).`;
    return [{ severity: 'info', code: 'export-provider-not-registered', message, ...about }];
  });
}

/** `NotRegistered`, `Registering`, `Unregistered`, … as words. */
function describe(state: string): string {
  return state.replaceAll(/(?<=[a-z])(?=[A-Z])/g, ' ').toLowerCase();
}
