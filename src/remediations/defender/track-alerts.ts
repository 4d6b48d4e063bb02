import type { Policy } from '../../policy/define-policy.ts';
import type { ResourceType } from '../../resources/resource-map.ts';
import { type Advice, type AdviceContext, type AdviceStep, shellQuote, showName } from '../advice.ts';
import { defineTracker } from '../define-tracker.ts';

/** Tickets for alerts about resources of one type; `family` begins the id. */
export function trackAlerts<const T extends ResourceType>(tracks: Policy<T, 'defender'>, family: string, what: string) {
  return defineTracker({
    id: `${family}-track-alerts`,
    title: `Open tickets for alerts of Defender about a ${what}`,
    tracks,
    advise: adviseOnAlert,
  });
}

function adviseOnAlert({ items, target }: AdviceContext): Advice {
  return {
    summary: 'Look into the alert in Microsoft Defender for Cloud, and into what was done with the resource lately.',
    steps: [
      {
        text: 'See below what Defender says and advises, and who did what of late: that need not be the attacker, but begin there. Everything else that was done with the resource:',
        commands: [`az monitor activity-log list --resource-id ${shellQuote(target.id)} --offset 7d --output table`],
      },
      ...(items.length === 0 ? [] : [renewTokens(target.subscriptionId, target.name, items)]),
      {
        text: 'When it is dealt with, resolve the alert in Defender, or dismiss it if it was none: this ticket closes then. What Dockwarden did about it by itself is in its audit, under the id of the alert.',
      },
    ],
  };
}

/** Attackers who could read the passwords may have made tokens, or renewed those that are there. */
function renewTokens(subscriptionId: string, registry: string, items: AdviceContext['items']): AdviceStep {
  return {
    text: 'Renew the passwords of the tokens listed below; whoever uses one needs the new password, which the command shows. Delete those that nobody knows.',
    commands: items.map(
      ({ name }) =>
        `az acr token credential generate --subscription ${shellQuote(subscriptionId)} --registry ${shellQuote(registry)} --name ${shellQuote(showName(name))} --password1`,
    ),
  };
}
