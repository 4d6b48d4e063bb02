import { type DockwardenError, isDockwardenError } from '../errors.ts';
import { shellQuote } from '../remediations/advice.ts';
import { type DoctorFinding, NOT_CHECKED } from './check.ts';

/** Longest text of an error that is shown. */
const MAX_MESSAGE = 400;
const AGAIN = 'dockwarden doctor';

/** Azure's own role that lets somebody look, and where it is enough to have it. */
export interface LookingRole {
  readonly role: string;
  /** Id of the resource, group or subscription. */
  readonly scope: string;
}

/**
 * What could not be looked at, and why; `subject` is what it would have been about. A warning, because nobody knows how it is. Takes only errors
 * that Azure, storage or the settings can cause; a defect of ours is thrown on. `role` is what helps against a 403; not set = Reader.
 */
export function notChecked(subject: string, error: unknown, role?: LookingRole): DoctorFinding<never> {
  if (!isDockwardenError(error)) throw error;
  return {
    severity: 'warning',
    code: NOT_CHECKED,
    subject,
    message: `Could not be checked: ${error.message.slice(0, MAX_MESSAGE)}`,
    command: commandFor(error, role),
  };
}

/** Runs one part of a check; what keeps it from being made is a finding about the subject. */
export async function attempt<Code extends string>(
  subject: string,
  look: () => Promise<readonly DoctorFinding<Code>[]>,
  role?: LookingRole,
): Promise<readonly DoctorFinding<Code>[]> {
  try {
    return await look();
  } catch (error) {
    return [notChecked(subject, error, role)];
  }
}

function commandFor({ code, details }: DockwardenError, role: LookingRole | undefined): string {
  if (code === 'AZURE_DENIED' || details.status === 403) {
    const { role: name, scope } = role ?? { role: 'Reader', scope: scopeOf(details.resourceId ?? '') };
    // Without a scope there is nothing that a role could be given at.
    if (scope !== '') {
      return `az role assignment create --assignee "$(az ad signed-in-user show --query id --output tsv)" --role ${shellQuote(name)} --scope ${shellQuote(scope)}`;
    }
  }
  // No answer at all: mostly nobody is signed in.
  return details.status === undefined && code === 'AZURE_TRANSIENT' ? `az login && ${AGAIN}` : AGAIN;
}

/** The group or subscription that a path lies in. */
function scopeOf(path: string): string {
  return /^\/subscriptions\/[^/?]+(?:\/resourceGroups\/[^/?]+)?/i.exec(path)?.[0] ?? '';
}
