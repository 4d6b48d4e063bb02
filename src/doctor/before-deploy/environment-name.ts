import { type DoctorFinding, defineCheck } from '../check.ts';
import type { BeforeDeployContext } from './context.ts';

/** Most characters that the template takes. */
const MAX_LENGTH = 40;
/** What azd, names of resource groups and names of roles all take; a group's name may not end in a full stop. */
const NAME = /^[A-Za-z0-9()_.-]*[A-Za-z0-9()_-]$/;

/** The name of the environment makes names that Azure takes. No name of a storage account is made of it: that one is always short enough. */
export const environmentNameCheck = defineCheck<BeforeDeployContext, 'environment-name-invalid'>({
  id: 'environment-name',
  title: 'the name of the environment',
  codes: ['environment-name-invalid'],
  run: async ({ environmentName }) => await Promise.resolve(judgeName(environmentName)),
});

function judgeName(name: string): readonly DoctorFinding<'environment-name-invalid'>[] {
  if (name.length <= MAX_LENGTH && NAME.test(name)) return [];
  return [
    {
      severity: 'error',
      code: 'environment-name-invalid',
      subject: name,
      message: `The name of an environment has 1 to ${MAX_LENGTH} characters: letters and digits without accents, and ( ) _ . - between them; it does not end in a full stop. Resource groups and roles are named after it.`,
      command: 'azd env new dockwarden',
    },
  ];
}
