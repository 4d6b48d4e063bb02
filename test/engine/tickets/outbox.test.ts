import { beforeEach, describe, expect, it } from 'vitest';
import { isCheckDue, isWaitingForItsTime, leasedUntil, needsDelivery } from '../../../src/engine/tickets/outbox.ts';
import type { Ticket } from '../../../src/tickets/ticket.ts';
import type { NotifiedSystem, TrackingSystem } from '../../../src/tickets/ticket-system.ts';
import { createRigClock } from '../../tickets/scripted-server.ts';
import { HOUR, MINUTE, openDesk, type TicketDesk } from '../../tickets/ticket-desk.ts';
import { openTicket } from './ticket-samples.ts';

/** Nobody talks to it here. */
const refuse = async (): Promise<never> => await Promise.reject(new Error('nobody is to be asked'));
const tracking: TrackingSystem = {
  kind: 'tracking',
  id: 'github',
  place: 'github',
  settleMs: 0,
  probe: refuse,
  findByKey: refuse,
  create: refuse,
  get: refuse,
  update: refuse,
  comment: refuse,
  close: refuse,
  reopen: refuse,
};
const webhook: NotifiedSystem = { kind: 'notified', id: 'webhook', place: 'webhook', notify: refuse };

let desk: TicketDesk;
beforeEach(() => {
  desk = openDesk({ clock: createRigClock(), system: tracking });
});

/** Known to the system, and nothing new about it. */
function known(change: Partial<Ticket> = {}): Ticket {
  return openTicket({ remediationId: 'aks-track-node-reboots', checkedAt: ago(0), ...change });
}
function ago(milliseconds: number): string {
  return new Date(desk.clock.now().getTime() - milliseconds).toISOString();
}
const needs = (change: Partial<Ticket>): boolean => needsDelivery(desk.context(), known(change));
const isDue = (change: Partial<Ticket>): boolean => isCheckDue(desk.context(), known(change));
const isWaiting = (change: Partial<Ticket>): boolean => isWaitingForItsTime(desk.context(), known(change));
const inTime = (milliseconds: number): string => ago(-milliseconds);
const unheard = { sequence: 9 };

describe('the outbox', () => {
  it('has nothing to tell of a ticket that says nothing new', () => {
    expect(needs({})).toBe(false);
    expect(needs(unheard)).toBe(true);
  });

  it('tells nobody of what is pending, and nothing where there is nobody', () => {
    expect(needs({ ...unheard, state: 'pending' })).toBe(false);
    desk.system = undefined;
    expect(needs(unheard)).toBe(false);
  });

  it('tells what is open to a system that does not know it, and nothing that is over', () => {
    expect(needs({ remoteSystem: 'github/other' })).toBe(true);
    expect(needs({ remoteSystem: 'github/other', state: 'resolved' })).toBe(false);
  });

  it('keeps what lies out of scope in the table, but follows what was told to its end', () => {
    const { remoteSystem: _remote, ...unknown } = known({ ...unheard, isOutOfScope: true });
    expect(needsDelivery(desk.context(), unknown)).toBe(false);
    expect(needsDelivery(desk.context(), { ...unknown, state: 'resolved' })).toBe(false);
    expect(needs({ ...unheard, isOutOfScope: true })).toBe(false);
    expect(needs({ ...unheard, isOutOfScope: true, state: 'resolved' })).toBe(true);
  });

  it('keeps what was opened under observe in the table until a look has confirmed it', () => {
    const { remoteSystem: _remote, ...unknown } = known({ ...unheard, reason: 'mode-observe' });
    expect(needsDelivery(desk.context(), unknown)).toBe(false);
    expect(needs({ ...unheard, reason: 'mode-observe' })).toBe(true);
  });

  it('goes by the mode of what the ticket belongs to, and by that of all where it belongs to nothing', () => {
    desk.setEnvironment({ REMEDIATE_AKS_TRACK_NODE_REBOOTS: 'observe' });
    expect(needs(unheard)).toBe(false);
    expect(needs({ ...unheard, remediationId: 'unknown' })).toBe(true);
    const { remediationId: _remediation, ...nobodys } = known(unheard);
    expect(needsDelivery(desk.context(), nobodys)).toBe(true);
    desk.setEnvironment({ REMEDIATE_AKS_TRACK_NODE_REBOOTS: 'approve' });
    expect(needs(unheard)).toBe(true);
    desk.setEnvironment({ DOCKWARDEN_MODE: 'off' });
    expect(needsDelivery(desk.context(), nobodys)).toBe(false);
  });
});

describe('the check of what people did', () => {
  it('is due every hour, for what is open or put aside', () => {
    expect(isDue({ checkedAt: ago(HOUR - 1) })).toBe(false);
    expect(isDue({ checkedAt: ago(HOUR) })).toBe(true);
    expect(isDue({ checkedAt: ago(HOUR), state: 'suppressed' })).toBe(true);
    expect(isDue({ checkedAt: ago(HOUR), state: 'resolved' })).toBe(false);
    const { checkedAt: _checked, ...unchecked } = known();
    expect(isCheckDue(desk.context(), unchecked)).toBe(true);
  });

  it('is due for nothing that the system does not have', () => {
    const { remoteId: _id, ...unknown } = known({ checkedAt: ago(HOUR) });
    expect(isCheckDue(desk.context(), unknown)).toBe(false);
    expect(isDue({ checkedAt: ago(HOUR), remoteSystem: 'github/other' })).toBe(false);
  });

  it('is due for nothing where nobody may be asked', () => {
    desk.setEnvironment({ DOCKWARDEN_MODE: 'observe' });
    expect(isDue({ checkedAt: ago(HOUR) })).toBe(false);
    desk.setEnvironment({ DOCKWARDEN_MODE: 'enforce' });
    desk.system = webhook;
    expect(isDue({ checkedAt: ago(HOUR), remoteSystem: 'webhook' })).toBe(false);
    desk.system = undefined;
    expect(isDue({ checkedAt: ago(HOUR) })).toBe(false);
  });
});

describe('a lease, and a wait', () => {
  it('holds until its time, and not if that cannot be meant', () => {
    const context = desk.context();
    expect(leasedUntil(context, known())).toBeUndefined();
    expect(leasedUntil(context, known({ leaseUntil: inTime(MINUTE) }))).toEqual(new Date(inTime(MINUTE)));
    for (const milliseconds of [0, -MINUTE, 11 * MINUTE])
      expect(leasedUntil(context, known({ leaseUntil: inTime(milliseconds) }))).toBeUndefined();
  });

  it('keeps the sweep from sending another message', () => {
    expect(isWaiting({})).toBe(false);
    expect(isWaiting({ leaseUntil: inTime(MINUTE) })).toBe(true);
    expect(isWaiting({ nextAttemptAt: inTime(24 * HOUR) })).toBe(true);
    // An edited row, or a clock that was wrong: nobody waits for ever.
    expect(isWaiting({ nextAttemptAt: inTime(24 * HOUR + 1) })).toBe(false);
    expect(isWaiting({ nextAttemptAt: ago(1) })).toBe(false);
  });
});
