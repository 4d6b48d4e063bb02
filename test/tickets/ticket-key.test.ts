import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type TicketSubject, ticketKey } from '../../src/tickets/ticket-key.ts';

const CLUSTER =
  '/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-aks-prod/providers/Microsoft.ContainerService/managedClusters/aks-prod';
const REBOOT: TicketSubject = {
  policyId: 'aks-node-reboot-completed',
  resourceId: CLUSTER,
  discriminator: 'system',
};
const subjects: fc.Arbitrary<TicketSubject> = fc.record({
  policyId: fc.string(),
  resourceId: fc.string(),
  discriminator: fc.string(),
});

describe('the key of a ticket', () => {
  it('is what it was in earlier versions: tickets in other systems carry it', () => {
    const coverage = { policyId: 'aks-node-reboot-coverage-complete', resourceId: CLUSTER, discriminator: '' };

    expect(ticketKey(REBOOT)).toBe('dw-7bc23dec0a2dfcfe37338b23a4206113');
    expect(ticketKey(coverage)).toBe('dw-594eca7c3440c437e2d43d0f1c7d6212');
  });

  it('is the same for any letter case of resource and pool', () => {
    const shouted = { ...REBOOT, resourceId: CLUSTER.toUpperCase(), discriminator: 'SYSTEM' };

    expect(ticketKey(shouted)).toBe(ticketKey(REBOOT));
  });

  it.each<Partial<TicketSubject>>([
    { policyId: 'aks-node-image-current' },
    { resourceId: `${CLUSTER}2` },
    { discriminator: 'user' },
    { discriminator: '' },
  ])('is another one for another subject: %j', (change) => {
    expect(ticketKey({ ...REBOOT, ...change })).not.toBe(ticketKey(REBOOT));
  });

  it('does not run resource and pool together', () => {
    const one = { ...REBOOT, resourceId: '/a', discriminator: 'bc' };
    const other = { ...REBOOT, resourceId: '/ab', discriminator: 'c' };

    expect(ticketKey(one)).not.toBe(ticketKey(other));
  });

  it('has 35 harmless characters, whatever it is about', () => {
    const property = fc.property(subjects, (subject) => {
      expect(ticketKey(subject)).toMatch(/^dw-[0-9a-f]{32}$/);
      expect(ticketKey({ ...subject })).toBe(ticketKey(subject));
    });

    expect(() => {
      fc.assert(property);
    }).not.toThrow();
  });
});
