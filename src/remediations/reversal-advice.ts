import type { ResourceId } from '../resources/resource-id.ts';
import { type Advice, type AdviceStep, askFor, shellQuote } from './advice.ts';

/** Does the reason say that somebody keeps reversing the fix? */
export function isReversal(reason: string): boolean {
  return reason === 'war-with-writer' || reason === 'war-with-many';
}

/** What to do when somebody keeps reversing a fix; `setting` is what has to be right at the source. */
export function adviseOnReversal(target: ResourceId, setting: string): Advice {
  return {
    summary: `Find who keeps changing it back, and set ${setting} right at the source.`,
    steps: [
      listWriters(target),
      {
        text: `Change the template, pipeline or script that writes the resource, so that it sets ${setting} right. Whatever is only changed in Azure comes back with its next run.`,
      },
      {
        text: 'Then end the quarantine; until then, or until it ends by itself, Dockwarden leaves the resource alone. The finding is the one of this resource in the list:',
        commands: [
          'dockwarden quarantine list',
          `dockwarden quarantine release ${askFor('FINDING', 'the id of the finding')}`,
        ],
      },
    ],
  };
}

function listWriters({ id }: ResourceId): AdviceStep {
  const query = '[].{time:eventTimestamp,caller:caller,operation:operationName.value,correlation:correlationId}';
  return {
    text: 'See who wrote the resource in the last week. What Dockwarden did itself stands there under its own identity.',
    commands: [
      `az monitor activity-log list --resource-id ${shellQuote(id)} --offset 7d --query ${shellQuote(query)} --output table`,
    ],
  };
}
