import * as z from 'zod';
import { isDockwardenError } from '../../errors.ts';
import { shellQuote, showName } from '../../remediations/advice.ts';
import { lenient } from '../../resources/lenient.ts';
import { type DoctorFinding, defineCheck } from '../check.ts';
import { attempt } from '../not-checked.ts';
import {
  type BeforeDeployContext,
  deployVersions,
  ENVIRONMENT_TAG,
  foldLocation,
  groupNames,
  ownerIn,
  readAnswer,
  subscriptionPath,
} from './context.ts';

type Code = 'group-of-another-environment' | 'group-in-another-location';

const Group = z.object({ location: z.string(), tags: lenient(z.record(z.string(), z.string())) });

/** Resource groups that are there already under these names are those of this environment, in this location. */
export const groupsCheck = defineCheck<BeforeDeployContext, Code>({
  id: 'groups',
  title: 'resource groups that are there already',
  codes: ['group-of-another-environment', 'group-in-another-location'],
  async run(context) {
    const findings = await Promise.all(
      groupNames(context.environmentName).map(
        async (name) => await attempt(name, async () => await checkGroup(context, name)),
      ),
    );
    return findings.flat();
  },
});

async function checkGroup(context: BeforeDeployContext, name: string): Promise<readonly DoctorFinding<Code>[]> {
  const path = `${subscriptionPath(context)}/resourceGroups/${encodeURIComponent(name)}`;
  try {
    const { location, tags } = readAnswer(Group, await context.arm.get(path, deployVersions.resources), name);
    return [...judgeOwner(context, name, ownerIn(tags)), ...judgeLocation(context, name, location)];
  } catch (error) {
    if (isDockwardenError(error, 'AZURE_NOT_FOUND')) return [];
    throw error;
  }
}

function judgeOwner(
  { environmentName, subscriptionId }: BeforeDeployContext,
  name: string,
  owner: string | undefined,
): readonly DoctorFinding<Code>[] {
  if (owner === environmentName) return [];
  const belongs =
    owner === undefined ? 'and belongs to no environment' : `and belongs to environment ${showName(owner)}`;
  return [
    {
      severity: 'error',
      code: 'group-of-another-environment',
      subject: name,
      message: `A resource group of this name is there already ${belongs} (tag ${ENVIRONMENT_TAG}). What is in it would be mixed with Dockwarden, and azd down would delete it. Take another name for the environment; the command shows what is in the group.`,
      command: `az resource list --subscription ${shellQuote(subscriptionId)} --resource-group ${shellQuote(name)} --output table`,
    },
  ];
}

function judgeLocation(context: BeforeDeployContext, name: string, location: string): readonly DoctorFinding<Code>[] {
  if (foldLocation(location) === foldLocation(context.location)) return [];
  return [
    {
      severity: 'error',
      code: 'group-in-another-location',
      subject: name,
      message: `This resource group is there already, in ${showName(location)}. Azure moves no group: deploy there, or give the environment another name.`,
      command: `azd env set AZURE_LOCATION ${shellQuote(foldLocation(location))}`,
    },
  ];
}
