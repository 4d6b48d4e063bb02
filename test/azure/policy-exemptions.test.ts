import { afterEach, beforeEach, expect, it } from 'vitest';
import { SAMPLE_SUBSCRIPTION_ID } from '../../local/azure/sample-ids.ts';
import { readPolicySet } from '../../src/azure/policy-exemptions.ts';
import { type AzureHarness, failureOf, startAzure } from './azure-harness.ts';

let azure: AzureHarness;
beforeEach(async () => {
  azure = await startAzure();
});
afterEach(async () => {
  await azure.stop();
});

const SETS = '/providers/Microsoft.Authorization/policySetDefinitions';

/** Whoever assigns an initiative writes its id; it may lead to no other call. */
it.each([
  ['nothing', 'nothing'],
  ['a definition', '/providers/Microsoft.Authorization/policyDefinitions/x'],
  ['a group', `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}/resourceGroups/g${SETS}/x`],
  ['a path that climbs', `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}/../..${SETS}/x`],
  ['an encoded path', `${SETS}/x%2F..%2Fy`],
  ['a query', `${SETS}/x?api-version=2020-01-01`],
  ['another host', `https://example.com${SETS}/x`],
  ['a full stop', `${SETS}/..`],
  ['a line break', `${SETS}/x\ny`],
  ['too long a name', `${SETS}/${'x'.repeat(129)}`],
])('the id of an initiative that is %s is asked for nowhere', async (_what, id) => {
  const failure = await failureOf(readPolicySet, readPolicySet.run(azure.context(), id));

  expect(failure).toMatchObject({ code: 'AZURE_INVALID' });
  expect(failure?.message).toContain('not the id of an initiative');
  expect(azure.simulator.requests).toEqual([]);
});

it.each([
  ['of the tenant', SETS],
  ['of a subscription', `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}${SETS}`],
])('an initiative %s is asked for, by its name as text', async (_what, path) => {
  const failure = await failureOf(readPolicySet, readPolicySet.run(azure.context(), `${path}/a b`));

  expect(failure).toMatchObject({ code: 'AZURE_NOT_FOUND' });
  expect(azure.simulator.requests.map((request) => request.path.toLowerCase())).toEqual([
    `${path}/a%20b`.toLowerCase(),
  ]);
});

it('an initiative of a management group takes a right there', async () => {
  const id = `/providers/Microsoft.Management/managementGroups/mg-1${SETS}/x`;

  const failure = await failureOf(readPolicySet, readPolicySet.run(azure.context(), id));

  expect(failure).toMatchObject({ code: 'AZURE_DENIED' });
  expect(failure?.message).toContain('Microsoft.Authorization/policySetDefinitions/read');
});
