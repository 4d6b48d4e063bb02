import { describe, expect, it } from 'vitest';
import { MAX_ALERTS } from '../../src/resources/defender.ts';
import type { PendingCause, WorkItem } from '../../src/work/work-items.ts';
import { LIMITS, newWorkItem, rememberedOf, withCause } from '../../src/work/work-items.ts';

const ID =
  '/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/rg/providers/Microsoft.ContainerRegistry/registries/one';
const ACTOR = { id: 'somebody', type: 'User', application: 'portal', name: 'Somebody' } as const;

function cause(id: string, change: Partial<PendingCause> = {}): PendingCause {
  const time = '2026-11-23T10:00:00.000Z';
  return {
    kind: 'event',
    id,
    time,
    queuedAt: time,
    operation: 'Microsoft.ContainerRegistry/registries/write',
    ...change,
  };
}

/** The row after these causes; a known one changes nothing. */
function after(...causes: readonly PendingCause[]): WorkItem {
  return causes.reduce<WorkItem>((item, next) => withCause(item, next) ?? item, newWorkItem(ID));
}

describe('what was done with a resource', () => {
  it('is remembered with who did it, and without a name', () => {
    expect(after(cause('e1', { actor: ACTOR, correlationId: 'c-1' })).changes).toEqual([
      {
        time: '2026-11-23T10:00:00.000Z',
        operation: 'Microsoft.ContainerRegistry/registries/write',
        actor: 'somebody',
        application: 'portal',
        correlationId: 'c-1',
      },
    ]);
  });

  it('is remembered as far as the event tells', () => {
    const { operation: _operation, ...untold } = cause('e1', { actor: { type: 'Group' } });

    expect(after(untold).changes).toEqual([{ time: '2026-11-23T10:00:00.000Z', operation: 'unknown' }]);
  });

  it('is also whoever read its credentials, which changed nothing', () => {
    const reading = cause('n1', { kind: 'notification', operation: 'listCredentials/action', actor: ACTOR });

    expect(after(reading).changes).toMatchObject([{ operation: 'listCredentials/action', actor: 'somebody' }]);
  });

  it.each([
    ['a cause that names nobody', cause('e1')],
    ['an operator’s request', cause('o1', { kind: 'operator', actor: ACTOR })],
    ['a sweep', cause('s1', { kind: 'sweep' })],
  ])('is not %s', (_what, one) => {
    expect(after(one)).not.toHaveProperty('changes');
  });

  it('is kept for the last forty, the newest last, and no cause is counted twice', () => {
    const causes = Array.from({ length: LIMITS.changes + 2 }, (_, index) =>
      cause(`e${index}`, { actor: ACTOR, correlationId: `c-${index}` }),
    );
    const { changes = [] } = after(...causes, cause(`e${LIMITS.changes + 1}`, { actor: ACTOR }));

    expect(changes.map(({ correlationId }) => correlationId)).toEqual(
      causes.slice(2).map(({ correlationId }) => correlationId),
    );
  });
});

describe('an alert', () => {
  it('leaves a mark that there are alerts, which nothing else does', () => {
    expect(after(cause('a1', { kind: 'alert' })).hasAlerts).toBe(true);
    for (const kind of ['event', 'notification', 'sweep', 'operator'] as const)
      expect(after(cause('x', { kind }))).not.toHaveProperty('hasAlerts');
  });

  it('is not dropped for what only says that somebody should look', () => {
    const noise = Array.from({ length: 40 }, (_, index) => cause(`n${index}`, { kind: 'notification' }));
    const { pending } = after(cause('a1', { kind: 'alert', operation: 'K8S_X' }), ...noise);

    expect(pending).toHaveLength(LIMITS.pending);
    expect(pending[0]?.id).toBe('a1');
  });
});

describe('what outlives a worker', () => {
  it('is who it is, what is known, what was done, and that there are alerts', () => {
    const item = after(cause('e1', { actor: ACTOR }), cause('a1', { kind: 'alert' }));
    const { changes, knownCauses } = item;

    expect(rememberedOf({ ...item, attempt: 3, leaseOwner: 'me' })).toEqual({
      resourceId: ID,
      knownCauses,
      changes,
      hasAlerts: true,
      knownAlerts: ['a1'],
    });
    expect(rememberedOf(newWorkItem(ID))).toEqual({ resourceId: ID, knownCauses: [] });
  });
});

describe('an alert', () => {
  it('is known however much comes in after it, because a poll tells of it for a month', () => {
    const events = Array.from({ length: LIMITS.knownCauses + 1 }, (_, index) => cause(`e${index}`));
    const alert = cause('alert-1', { kind: 'alert' });
    const item = { ...newWorkItem(ID), ...rememberedOf(after(alert, ...events)) };

    expect(item.knownCauses).not.toContain('alert-1');
    expect(withCause(item, alert)).toBeUndefined();
    expect(withCause(item, cause('alert-2', { kind: 'alert' }))?.knownAlerts).toEqual(['alert-1', 'alert-2']);
  });

  it('is forgotten after so many others', () => {
    const alerts = Array.from({ length: LIMITS.knownAlerts + 1 }, (_, index) => cause(`a${index}`, { kind: 'alert' }));

    expect(after(...alerts).knownAlerts).toEqual(alerts.slice(1).map(({ id }) => id));
  });

  it('is known as long as it is remembered, and the longest ids of all fit into a cell', () => {
    // As `causeOfAlert` makes them of the longest ids that are read.
    const longest = `${'x'.repeat(128)} again 2026-11-23T10:00:00.000Z`.length;
    const ids = Array.from({ length: MAX_ALERTS }, (_, index) => `${index}`.padStart(longest, 'x'));
    const item = after(...ids.map((id) => cause(id, { kind: 'alert' })));

    expect(item.knownAlerts).toEqual(ids);
    expect(JSON.stringify(item.knownAlerts).length).toBeLessThanOrEqual(32_768);
  });
});
