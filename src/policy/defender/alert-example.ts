import type { DefenderAlert, DefenderKnowledge, KnownChange } from '../../resources/defender.ts';
import { NOTHING_KNOWN } from '../../resources/defender.ts';

/** An active alert of the day before, as it is stored; a case states its differences. */
export function alert(change: Partial<DefenderAlert> = {}): DefenderAlert {
  return {
    id: '2517184898549829577_cdcf',
    type: 'K8S_ExposedDashboard',
    severity: 'High',
    title: 'Exposed Kubernetes dashboard detected',
    description: '',
    intent: '',
    steps: '',
    links: '',
    raisedAt: '2026-11-01T12:00:00.000Z',
    changedAt: '2026-11-01T12:00:00.000Z',
    receivedAt: '2026-11-01T12:01:00.000Z',
    status: 'active',
    ...change,
  };
}

/** Somebody read the credentials of the resource, as an event told it. */
export function exposure(change: Partial<KnownChange> = {}): KnownChange {
  return {
    time: '2026-11-01T11:55:00.000Z',
    operation: 'Microsoft.ContainerRegistry/registries/listCredentials/action',
    actor: '00000000-0000-4000-8000-0000000000aa',
    ...change,
  };
}

/** What is known of attacks: these alerts, and nothing else unless a case says so. */
export function known(alerts: readonly DefenderAlert[], change: Partial<DefenderKnowledge> = {}): DefenderKnowledge {
  return { ...NOTHING_KNOWN, alerts, ...change };
}
