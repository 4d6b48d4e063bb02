import type { ResourceType } from '../../resources/resource-map.ts';
import { definePolicy } from '../define-policy.ts';
import { judgeAlerts } from './alert-parts.ts';

/** A policy on alerts about resources of one type; `family` begins its id. */
export function alertsClosed<const T extends ResourceType>(resource: T, family: string, what: string) {
  return definePolicy({
    id: `${family}-alerts-closed`,
    title: `No alert of Defender about the ${what} is open`,
    severity: 'high',
    resource,
    needs: ['defender'],
    rationale:
      'An alert that nobody looks into is an attack that nobody stops. Each has a ticket with what Defender says and what was done with the resource lately; it ends when the alert is resolved or dismissed in Microsoft Defender for Cloud.',
    references: ['https://learn.microsoft.com/azure/defender-for-cloud/managing-and-responding-alerts'],
    frameworks: { mcsb: ['IR-3', 'IR-5'] },
    evaluate: (_resource, { now, related }) => judgeAlerts(related.defender, resource, now),
  });
}
