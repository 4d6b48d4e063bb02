import type { AuditRecord } from '../../../src/audit/audit-log.ts';
import { ENFORCE_ALL } from '../../app-settings.ts';
import { type SampleName, sampleId } from '../../azure/sample-ids.ts';
import { printTicket } from '../print-ticket.ts';
import type { Scenario, Stage } from '../scenario.ts';
import { approveTags, askApp } from './ask-app.ts';
import { createChanges } from './changes.ts';
import { checkEndState } from './end-state.ts';
import { APPROVED, CAREFUL, CHANGED, DEFERRED, ENFORCED, LEFT_ALONE, TICKET_CLOSED, TICKETED } from './expectations.ts';

/** As often as the app bears it by default (`WAR_REVERTS`). */
const WAR_REVERTS = 3;

/** Shows each remediation of settings and tags, and each kind of decision, once. */
export const drift: Scenario = {
  summary: 'settings drift: observe, approve, fix, undo, exempt, fight, and tickets for nodes that miss a reboot',
  settings: { REMEDIATE_ACR_DISABLE_ADMIN_USER: 'observe', REMEDIATE_AKS_ADD_REQUIRED_TAGS: 'approve' },
  async play(stage) {
    await play(stage);
    return checkEndState(stage.environment, stage.rows);
  },
};

async function play({ environment, rows, waitFor, waitUntil }: Stage): Promise<void> {
  const changes = createChanges(environment.simulator);

  console.log('\n1. Careful settings: the admin user is only observed, tags wait for approval');
  console.log('   the operator rotates a password of contosobuild');
  await changes.rotatePassword();
  await waitFor(DEFERRED);
  console.log('   a sweep looks at everything');
  await environment.sweep();
  await waitFor(CAREFUL);

  console.log('   the operator approves the tags of aks-prod');
  await approveTags(environment);
  await waitFor(APPROVED);

  console.log('\n2. All remediations act, for this sample only');
  await environment.restartHost(ENFORCE_ALL);
  await environment.sweep();
  await waitFor(ENFORCED);

  console.log('\n3. Changes by others, through the Azure SDK');
  await changes.breakThings();
  await waitFor(CHANGED);

  console.log('\n4. What is left alone: an exemption, an undone fix, a fight');
  await changes.exempt();
  await askApp(environment, 'undo', { runId: lastOutcome(rows, 'aks-dev').remediationRunId ?? '' });
  for (let reversals = 1; reversals <= WAR_REVERTS; reversals += 1) {
    console.log(`   the automation switches the admin user of contosoci on again (${reversals} of ${WAR_REVERTS})`);
    await waitUntil(
      () => countFixes(rows, 'contosoci') === reversals,
      `contosoci, acr-admin-user-disabled: fixed ${reversals} of ${WAR_REVERTS} times`,
    );
    await changes.reverseFix();
  }
  await waitFor(LEFT_ALONE);

  console.log('\n5. What only people can do: tickets');
  await waitFor(TICKETED);
  await printTicket(environment, {
    policyId: 'aks-node-reboot-completed',
    resourceId: sampleId('aks-prod'),
    part: 'apps',
  });
  console.log(`   kured can drain again, and reboots ${changes.unblockReboots().join(', ')}`);
  await environment.sweep();
  await waitFor(TICKET_CLOSED);
}

function lastOutcome(rows: readonly AuditRecord[], resource: SampleName): AuditRecord {
  const row = rows.findLast(({ resourceName, stage }) => stage === 'outcome' && resourceName === resource);
  if (row === undefined) throw new Error(`the audit has no outcome about ${resource}`);
  return row;
}

function countFixes(rows: readonly AuditRecord[], resource: SampleName): number {
  return rows.filter(
    ({ outcome, policyId, resourceName }) =>
      resourceName === resource && outcome === 'fixed' && policyId === 'acr-admin-user-disabled',
  ).length;
}
