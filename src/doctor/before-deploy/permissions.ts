import * as z from 'zod';
import { DockwardenError } from '../../errors.ts';
import { shellQuote } from '../../remediations/advice.ts';
import { type DoctorFinding, defineCheck } from '../check.ts';
import { allows } from '../grants.ts';
import { type BeforeDeployContext, deployVersions, subscriptionPath } from './context.ts';
import { listDeployActions, templateTypes } from './template-types.ts';

type Code = 'deploy-permission-missing' | 'deploy-role-permission-missing';

const texts = z.array(z.string()).catch([]);
const Permission = z.object({ actions: texts, notActions: texts, dataActions: texts, notDataActions: texts });

/** Whoever deploys may make everything in the template: the resources, the custom roles, and who holds them. */
export const permissionsCheck = defineCheck<BeforeDeployContext, Code>({
  id: 'permissions',
  title: 'what you may do in the subscription',
  codes: ['deploy-permission-missing', 'deploy-role-permission-missing'],
  async run(context) {
    const path = `${subscriptionPath(context)}/providers/Microsoft.Authorization/permissions`;
    const items = await context.arm.list(path, deployVersions.permissions);
    const permissions = items.flatMap((item) => Permission.safeParse(item).data ?? []);
    // Whoever holds nothing at all could not have asked.
    if (permissions.length === 0) {
      throw new DockwardenError('AZURE_TRANSIENT', 'Azure does not say what you may do in the subscription', {
        resourceId: subscriptionPath(context),
      });
    }
    const missing = listDeployActions(templateTypes.always).filter((action) => !allows({ permissions }, action));
    const ofRoles = missing.filter((action) => action.startsWith('Microsoft.Authorization/'));
    const ofResources = missing.filter((action) => !ofRoles.includes(action));
    return [
      ...report(context, 'deploy-permission-missing', ofResources, 'Contributor'),
      // A Contributor may change everything but who may do what, and locks.
      ...report(context, 'deploy-role-permission-missing', ofRoles, 'User Access Administrator'),
    ];
  },
});

function report(
  context: BeforeDeployContext,
  code: Code,
  missing: readonly string[],
  role: string,
): readonly DoctorFinding<Code>[] {
  if (missing.length === 0) return [];
  const scope = subscriptionPath(context);
  return [
    {
      severity: 'error',
      code,
      subject: scope,
      message: `You may not do everything that the deployment does: ${missing.join(', ')}. Somebody who may assign roles runs the command, with your object id in place of $DEPLOYER (az ad signed-in-user show --query id --output tsv).`,
      command: `az role assignment create --assignee "\${DEPLOYER:?set it to the object id of who deploys}" --role ${shellQuote(role)} --scope ${shellQuote(scope)}`,
    },
  ];
}
