import type { Policy } from '../../policy/define-policy.ts';
import { type Advice, askFor, shellQuote } from '../../remediations/advice.ts';
import { keyOptions } from '../../remediations/key-vault/key-advice.ts';
import type { ResourceId } from '../../resources/resource-id.ts';
import { findResourceId } from '../../resources/resource-id.ts';
import type { Ticket } from '../../tickets/ticket.ts';
import type { Block, TicketDraft } from '../../tickets/ticket-system.ts';
import type { EngineContext } from '../ports.ts';
import { evidenceOf } from './evidence.ts';

/** Azure portals by the host of Azure Resource Manager. */
const PORTALS: Readonly<Record<string, string>> = {
  'management.usgovcloudapi.net': 'https://portal.azure.us',
  'management.chinacloudapi.cn': 'https://portal.azure.cn',
};
const PORTAL = 'https://portal.azure.com';

/** What a text is made of besides the ticket. */
type Catalogue = Pick<EngineContext, 'policies' | 'remediations' | 'trackers'> & {
  readonly settings: Pick<EngineContext['settings'], 'armEndpoint'>;
};

/** Only alerts of Defender are of this kind. */
const CLOSED_AT_SOURCE =
  'This closes by itself when the alert is resolved or dismissed in Microsoft Defender for Cloud, and 90 days after it was raised.';

/** What the ticket says to the person who gets it: first what to do, then what was seen, how it closes, and its key. */
export function draftOf(context: Catalogue, ticket: Ticket): TicketDraft {
  const policy = context.policies.find(({ id }) => id === ticket.policyId);
  const target = findResourceId(ticket.resourceId);
  return {
    title: ticket.title,
    severity: ticket.severity,
    body: [
      ...adviceBlocks(adviceOf(context, ticket, target) ?? plainAdvice(ticket)),
      { kind: 'heading', text: 'What was found' },
      ...(policy === undefined ? [] : ([{ kind: 'text', text: `${policy.title}: ${policy.rationale}` }] as const)),
      ...(ticket.because === undefined ? [] : ([{ kind: 'text', text: ticket.because }] as const)),
      { kind: 'facts', rows: factsOf(ticket, target) },
      ...(target === undefined ? [] : [portalLink(context, target)]),
      ...evidenceBlocks(ticket),
      { kind: 'heading', text: 'How this ends' },
      { kind: 'text', text: closingRule(ticket) },
      ...(target === undefined || policy === undefined ? [] : exemptionBlocks(policy, target)),
      { kind: 'facts', rows: [['Ticket key', ticket.key]] },
    ],
  };
}

function adviceOf(context: Catalogue, ticket: Ticket, target: ResourceId | undefined): Advice | undefined {
  const { remediationId, reason, items, discriminator: part } = ticket;
  if (target === undefined) return undefined;
  const about = { target, part, items, evidence: evidenceOf(ticket), reason };
  const remediation = context.remediations.find(({ id }) => id === remediationId);
  const tracker = context.trackers.find(({ id }) => id === remediationId);
  return remediation?.advise(about) ?? tracker?.advise(about);
}

function plainAdvice({ reason, resourceId }: Ticket): Advice {
  if (reason === 'breaker-open') {
    const commands = [`dockwarden breaker reset ${shellQuote(resourceId)}`];
    const text = 'Look at the failed runs in the audit, mend their cause, then let changes pass again:';
    return {
      summary: 'Find out why fixes fail; nothing more is fixed until you reset the breaker.',
      steps: [{ text, commands }],
    };
  }
  if (reason === 'breaker-cap') {
    const text =
      'Find out who changed so many resources at once; the fixes that wait follow at the allowed pace by themselves.';
    return { summary: 'Look whether so many changes at once were meant.', steps: [{ text }] };
  }
  const commands = ['dockwarden tickets list'];
  return { summary: 'Look at the list below.', steps: [{ text: 'All tickets of Dockwarden:', commands }] };
}

function adviceBlocks({ summary, steps }: Advice): readonly Block[] {
  return [
    { kind: 'text', text: summary },
    { kind: 'heading', text: 'What to do' },
    ...steps.flatMap(({ text, commands = [] }): readonly Block[] => [
      { kind: 'text', text },
      ...(commands.length === 0 ? [] : ([{ kind: 'commands', lines: commands }] as const)),
    ]),
  ];
}

function factsOf(ticket: Ticket, target: ResourceId | undefined): readonly (readonly [string, string])[] {
  const { resourceId, discriminator, severity, confidence, firstSeenAt, policyId, actor, reason } = ticket;
  return [
    ['Resource', target?.id ?? resourceId],
    ...(discriminator === '' ? [] : [['Part', discriminator] as const]),
    ['Policy', policyId],
    ['Severity', severity],
    ...(confidence === undefined ? [] : [['Confidence', confidence] as const]),
    ['First seen', firstSeenAt],
    ...(actor === undefined ? [] : [['Last changed by (object id)', actor] as const]),
    ['Reason', reason],
  ];
}

function portalLink({ settings }: Catalogue, { id }: ResourceId): Block {
  const portal = PORTALS[new URL(settings.armEndpoint).host] ?? PORTAL;
  return {
    kind: 'link',
    label: 'Open in the Azure portal',
    url: `${portal}/#resource${encodeURI(id).replaceAll(/[()]/g, (bracket) => (bracket === '(' ? '%28' : '%29'))}/overview`,
  };
}

function evidenceBlocks(ticket: Ticket): readonly Block[] {
  const rows = Object.entries(evidenceOf(ticket)).map(([name, value]) => [name, String(value)] as const);
  const { items, itemCount } = ticket;
  const more = itemCount > items.length ? [`and ${itemCount - items.length} more`] : [];
  const listed = items.map(
    ({ name, detail, since }) => `${name}: ${detail}${since === undefined ? '' : ` (since ${since})`}`,
  );
  return [
    ...(rows.length === 0 ? [] : ([{ kind: 'facts', rows }] as const)),
    ...(listed.length === 0 ? [] : ([{ kind: 'list', items: [...listed, ...more] }] as const)),
  ];
}

function closingRule({ isCertain, reason }: Ticket): string {
  if (isCertain === true) return CLOSED_AT_SOURCE;
  if (reason.startsWith('breaker-')) return 'This closes by itself when the breaker lets changes pass again.';
  return 'This closes by itself when two checks in a row prove that it is in order, whoever mended it. Closed as done by hand, it is reopened once if it is still there a day later; closed as not to be done, it is left alone for 90 days.';
}

const ACCEPT = 'To accept it for a time, say until when, why, and where that was agreed:';
const ACCEPT_KEY =
  'To accept it for a time, say until when, why, and where that was agreed. Give all other tags of the key as well, because the command replaces them:';

function exemptionBlocks(policy: Policy, target: ResourceId): readonly Block[] {
  const tag = [
    shellQuote(`dockwarden-exempt-${policy.id}=`),
    askFor('UNTIL', 'the last day, as 2027-01-31'),
    `';'`,
    askFor('REASON', 'the reason'),
    `';'`,
    askFor('AGREED_IN', 'the ticket in which that was agreed'),
  ].join('');
  const isKey = target.type === 'Microsoft.KeyVault/vaults/keys';
  return [
    { kind: 'text', text: isKey ? ACCEPT_KEY : ACCEPT },
    { kind: 'commands', lines: [isKey ? tagKey(target, tag) : tagResource(target, tag)] },
  ];
}

function tagResource({ id }: ResourceId, tag: string): string {
  return `az tag update --resource-id ${shellQuote(id)} --operation merge --tags ${tag}`;
}

/** The tags of a key are its vault's business, and not that of Azure Resource Manager. */
function tagKey(target: ResourceId, tag: string): string {
  return `az keyvault key set-attributes ${keyOptions(target)} --tags ${tag} --output none`;
}
