import type { BuiltInDefinition, Parameter, Policy, Verdict } from '../../src/policy/define-policy.ts';
import type { PolicyCases } from '../../src/policy/policy-cases.ts';
import { toSettingName } from '../../src/settings/catalogue.ts';
import { code, generatedNote, joinBlocks, list, table } from './markdown.ts';

const frameworkNames = {
  azurePolicy: 'Azure Policy definitions',
  mcsb: 'Microsoft cloud security benchmark',
  cisAks: 'CIS Azure Kubernetes Service benchmark',
} as const satisfies Record<keyof NonNullable<Policy['frameworks']>, string>;

/** A remediation that fixes the policy, or a tracker that opens tickets for it. */
export interface Treatment {
  readonly id: string;
  readonly title: string;
}

/** The page of one policy: what it checks, why, examples, its fix, its settings, where the same control is elsewhere. */
export function renderPolicyPage(policy: Policy, cases: PolicyCases['cases'], fixes: readonly Treatment[]): string {
  return joinBlocks(
    generatedNote,
    `# ${policy.title}`,
    `${code(policy.id)} · severity ${policy.severity} · ${code(policy.resource)}`,
    policy.rationale,
    policy.needs === undefined ? undefined : `Besides the resource itself it needs: ${policy.needs.join(', ')}.`,
    '## Examples',
    table(
      ['When', 'Verdict', 'What it says'],
      Object.entries(cases).map(([sentence, { verdict }]) => [sentence, verdict.verdict, describeVerdict(verdict)]),
    ),
    '## Fix or ticket',
    fixes.length === 0
      ? 'None: a violation is recorded, and a person decides.'
      : list(fixes.map(({ id, title }) => `[${title}](../remediations/${id}.md) (${code(id)})`)),
    '## Settings',
    list([
      `${code(toSettingName('POLICY', policy.id))}: ${code('on')} (default) or ${code('off')}.`,
      ...Object.values<Parameter>(policy.parameters ?? {}).map(
        ({ setting, description, format }) => `${code(setting)}: ${description} Value: ${format}.`,
      ),
    ]),
    `All settings are in [settings.md](../settings.md).`,
    '## References',
    list([...policy.references, ...describeFrameworks(policy)]),
  );
}

function describeVerdict(verdict: Verdict): string {
  if (verdict.verdict === 'not-applicable') return verdict.reason;
  if (verdict.verdict === 'unknown') return `missing: ${code(verdict.missing)}`;
  if (verdict.verdict === 'compliant') return '';
  return Object.entries(verdict.evidence)
    .map(([name, value]) => code(`${name}: ${JSON.stringify(value)}`))
    .join(', ');
}

function describeFrameworks({ frameworks }: Policy): string[] {
  const names: readonly (keyof typeof frameworkNames)[] = ['azurePolicy', 'mcsb', 'cisAks'];
  return names.flatMap((name) => {
    const controls = name === 'azurePolicy' ? frameworks?.azurePolicy?.map(describeDefinition) : frameworks?.[name];
    return controls === undefined ? [] : [`${frameworkNames[name]}: ${controls.join(', ')}`];
  });
}

function describeDefinition({ effect, id, match }: BuiltInDefinition): string {
  return `${id} (${effect}${match === 'same' ? ', an exemption from it counts here' : ''})`;
}
