import { listOperations } from '../../src/doctor/roles.ts';
import type { Remediation } from '../../src/remediations/define-remediation.ts';
import { toSettingName } from '../../src/settings/catalogue.ts';
import { code, generatedNote, joinBlocks, list, table } from './markdown.ts';

/** The page of one remediation: what it breaks, what it calls with which permission, how it is taken back, its settings. */
export function renderRemediationPage(remediation: Remediation): string {
  const { id, title, fixes, impact } = remediation;
  return joinBlocks(
    generatedNote,
    `# ${title}`,
    `${code(id)} · fixes [${fixes.id}](../policies/${fixes.id}.md): ${fixes.title}`,
    '## Impact',
    impact,
    '## Before it acts',
    list(describeConditions(remediation)),
    '## Calls',
    'It can make these calls to Azure and no others; its role allows these actions and no others.',
    table(
      ['Operation', 'Effect', 'May be repeated', 'Actions'],
      listOperations(remediation).map(({ id: operation, effect, repeatable, actions, dataActions = [] }) => [
        code(operation),
        effect,
        repeatable ? 'yes' : 'no',
        [...actions, ...dataActions].map(code).join(', '),
      ]),
    ),
    '## Undo',
    remediation.irreversible === undefined
      ? 'Possible: the values before the fix are recorded, and the remediation declares how they are put back, with the same calls.'
      : `Not possible. ${remediation.irreversible}`,
    '## Settings',
    list(describeSettingsOf(remediation)),
    'All settings are in [settings.md](../settings.md).',
  );
}

function describeConditions(remediation: Remediation): string[] {
  const { yieldsTo, renews } = remediation;
  return [
    'The resource is read again; only a violation that is still there is fixed.',
    remediation.preflight === undefined
      ? 'Nothing depends on it that could be looked up first.'
      : 'What would break is looked up first; if something is found, or the answer cannot be read, nothing is changed and the finding says what was found.',
    ...(yieldsTo === undefined
      ? []
      : [`When somebody else performed ${code(yieldsTo.action)}, it waits for ${code(yieldsTo.grace.setting)}.`]),
    ...(renews ?? []).map((policy) => `It also cures [${policy.id}](../policies/${policy.id}.md).`),
  ];
}

function describeSettingsOf({ id, yieldsTo, storesIn }: Remediation): string[] {
  return [
    `${code(toSettingName('REMEDIATE', id))}: ${code('off')}, ${code('observe')} (default), ${code('approve')} or ${code('enforce')}.`,
    ...(yieldsTo === undefined
      ? []
      : [`${code(yieldsTo.grace.setting)}: ${yieldsTo.grace.description} Value: ${yieldsTo.grace.format}.`]),
    ...(storesIn === undefined
      ? []
      : [
          `${code(storesIn.setting)}: ${storesIn.description} Value: ${storesIn.format}. Its calls to the vault need the role \`Dockwarden password vault\` there.`,
        ]),
  ];
}
