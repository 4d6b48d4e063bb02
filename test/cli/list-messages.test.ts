import { describe, expect, it } from 'vitest';
import { listMessages } from '../../src/cli/list-messages.ts';
import { DockwardenError } from '../../src/errors.ts';
import type { MessageKind, MessagePlace } from '../../src/poison/message-id.ts';
import type { KeptMessage } from '../../src/poison/poison-store.ts';

function message(kind: MessageKind, index: number): KeptMessage {
  const name = `x/${index}`;
  return { kind, name, id: `${kind}/${name}`, size: 2, keptAt: new Date(index).toISOString() };
}

/** A store with so many messages in each container, the newest last by name. */
function storeOf(
  counts: Readonly<Record<MessageKind, number>>,
  read: (place: MessagePlace) => Promise<Buffer | undefined>,
) {
  return {
    read,
    async *list(kind: MessageKind) {
      for (let index = 0; index < counts[kind]; index += 1) yield await Promise.resolve(message(kind, index));
    },
  };
}

const empty = async (): Promise<Buffer> => await Promise.resolve(Buffer.from('[]'));

describe('a list of messages', () => {
  it('is of the newest ones, and says how far it is and what it leaves out', async () => {
    const told: string[] = [];
    const reads: string[] = [];
    const store = storeOf({ poison: 3, 'dead-letter': 100 }, async ({ name }) => {
      reads.push(name);
      return await empty();
    });

    const { records } = await listMessages(store, { kind: 'all', limit: 60 }, (text) => told.push(text));

    expect(records).toHaveLength(60);
    expect(records[0]?.id).toBe('dead-letter/x/99');
    expect(reads).toHaveLength(60);
    expect(told).toEqual([
      '43 older ones are not shown: see --limit',
      '25 of 60 dead letters are read',
      '50 of 60 dead letters are read',
    ]);
  });

  it('looks at so many names and no more', async () => {
    const told: string[] = [];

    await listMessages(storeOf({ poison: 20_001, 'dead-letter': 0 }, empty), { kind: 'poison', limit: 1 }, (text) =>
      told.push(text),
    );

    expect(told).toEqual([
      'there are more than 20000 messages in poison: those after them, by name, are left out',
      '19999 older ones are not shown: see --limit',
    ]);
  });

  it('goes on when one is gone or too large by the time it is read, and not when the storage fails', async () => {
    const filter = { kind: 'dead-letter', limit: 5 } as const;
    const counts = { poison: 0, 'dead-letter': 2 };
    const bodies = [
      async () => await Promise.resolve(undefined),
      async () => await Promise.reject(new DockwardenError('INPUT_INVALID_MESSAGE', 'too large')),
    ];
    for (const read of bodies) {
      const { rows } = await listMessages(storeOf(counts, read), filter, () => undefined);
      expect(rows.map((row) => row.slice(3))).toEqual([Array(6).fill('-'), Array(6).fill('-')]);
    }
    const outage = new DockwardenError('STORAGE_UNAVAILABLE', 'not now');
    const failing = storeOf(counts, async () => await Promise.reject(outage));

    await expect(listMessages(failing, filter, () => undefined)).rejects.toThrow(outage);
  });
});
