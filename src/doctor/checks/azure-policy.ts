import { fixes } from '../../policy/define-policy.ts';
import { toSettingName } from '../../settings/catalogue.ts';
import { setSetting } from '../app-id.ts';
import { type DoctorFinding, defineCheck } from '../check.ts';
import type { DeployedContext } from '../deployed.ts';
import { attempt } from '../not-checked.ts';
import { type AssignedDefinition, listAssigned, mayFix } from '../policy-effect.ts';

type Code = 'policy-assignment-fixes';

/** Does Azure Policy fix what Dockwarden fixes as well? Two fixers with different ideas undo each other's work. */
export const azurePolicyCheck = defineCheck<DeployedContext, Code>({
  id: 'azure-policy',
  title: 'assignments of Azure Policy that fix the same',
  codes: ['policy-assignment-fixes'],
  async run(context) {
    const settings = await context.readSettings();
    const rivals = context.remediations.flatMap((remediation) => {
      const definitions = (remediation.fixes.frameworks?.azurePolicy ?? []).filter(fixes);
      const mode = settings.modeOf(remediation.id);
      const isJudged = settings.isPolicyOn(remediation.fixes.id) && mode !== 'off';
      return isJudged
        ? definitions.map(({ id }) => ({ guid: id.toLowerCase(), remediation: remediation.id, mode }))
        : [];
    });
    if (rivals.length === 0) return [];
    const findings: DoctorFinding<Code>[] = [];
    for (const subscriptionId of settings.scopes) {
      const scope = `/subscriptions/${subscriptionId}`;
      const look = async () => {
        const assigned = await listAssigned(
          context.arm,
          subscriptionId,
          rivals.map(({ guid }) => guid),
        );
        return assigned.filter(({ effect }) => mayFix(effect)).flatMap((one) => describe(one, rivals, context));
      };
      findings.push(...(await attempt(`${scope} (Azure Policy)`, look, { role: 'Reader', scope })));
    }
    // An assignment of a management group shows in each of its subscriptions.
    const keys = findings.map(({ message, subject }) => `${subject}\n${message}`);
    return findings.filter((_, index) => keys.indexOf(keys[index] ?? '') === index);
  },
});

function describe(
  { assignmentId, assignmentName, definition, effect }: AssignedDefinition,
  rivals: readonly { readonly guid: string; readonly remediation: string; readonly mode: string }[],
  { app }: DeployedContext,
): DoctorFinding<Code>[] {
  return rivals
    .filter(({ guid }) => guid === definition)
    .map(({ mode, remediation }) => {
      const isActing = mode === 'approve' || mode === 'enforce';
      const setting = toSettingName('REMEDIATE', remediation);
      return {
        severity: isActing ? 'warning' : 'info',
        code: 'policy-assignment-fixes',
        subject: assignmentId,
        message: `${JSON.stringify(assignmentName.slice(0, 100))} brings the built-in definition ${definition} to bear with effect ${effect ?? 'unknown'}, which changes what ${remediation} (${mode}) changes: let one of them do it.`,
        command: setSetting(app, setting, 'observe'),
      };
    });
}
