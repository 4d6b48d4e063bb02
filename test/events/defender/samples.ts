import { parseDefender } from '../../../src/events/defender/parse-defender.ts';
import type { FoundCause } from '../../../src/events/parsed.ts';
import { describeInput } from '../read-samples.ts';

const SUBSCRIPTION = '/subscriptions/11111111-2222-3333-4444-555555555555';
const PROVIDERS = `${SUBSCRIPTION}/resourceGroups/rg-shop/providers`;
export const REGISTRY = `${PROVIDERS}/Microsoft.ContainerRegistry/registries/shopregistry`;
export const CLUSTER = `${PROVIDERS}/Microsoft.ContainerService/managedClusters/shop-cluster`;
export const VAULT = `${PROVIDERS}/Microsoft.KeyVault/vaults/shop-vault`;
export const MACHINE = `${PROVIDERS}/Microsoft.Compute/virtualMachines/vm1`;

/** An alert as it is exported, about a cluster; a test states its differences. */
export function exported(change: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> {
  return {
    AlertType: 'K8S_ExposedDashboard',
    TimeGenerated: '2026-11-02T18:37:16.485Z',
    Severity: 'Medium',
    Status: 'New',
    SystemAlertId: 'alert-1',
    AzureResourceId: CLUSTER,
    AlertDisplayName: 'Exposed dashboard',
    ...change,
  };
}

/** What became of one element, in one line. */
export function outcomeOf(element: unknown): string {
  return describeInput(parseDefender(element));
}

/** The cause that an element leads to. */
export function causeOf(element: unknown): FoundCause {
  const parsed = parseDefender(element);
  if (parsed.result !== 'cause') throw new Error(`expected a cause, got ${JSON.stringify(parsed)}`);
  return parsed;
}

/** The alert that an element is read as. */
export function alertOf(element: unknown): NonNullable<FoundCause['alert']> {
  const { alert } = causeOf(element);
  if (alert === undefined) throw new Error('expected an alert');
  return alert;
}
