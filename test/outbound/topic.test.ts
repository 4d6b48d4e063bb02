import { afterEach, beforeEach, expect, it, test } from 'vitest';
import type { CloudEvent } from '../../src/outbound/cloud-event.ts';
import { toOwnEvent } from '../../src/outbound/own-event.ts';
import { KEY, outcomeRecord } from './audit-rows.ts';
import { startTopicRig, type TopicRig } from './topic-rig.ts';

let rig: TopicRig;

beforeEach(async () => {
  rig = await startTopicRig(() => new Date());
});

afterEach(async () => {
  await rig.topic.stop();
});

function sample(): CloudEvent {
  const event = toOwnEvent(KEY, outcomeRecord());
  if (event === undefined) throw new Error('the row is no event');
  return event;
}

const UNANSWERED = {
  name: 'TopicError',
  kind: 'unavailable',
  message: 'Event Grid could not be reached (AbortError)',
};

test.each([
  ['alone', undefined],
  ['beside the signal of a caller who would wait longer', new AbortController().signal],
])(
  'a topic that does not answer is waited for until the deadline, %s',
  async (_how, signal) => {
    rig.topic.faults.add({ effect: { kind: 'hang' } });

    await expect(rig.connect({ timeoutMs: 100 })(sample(), signal)).rejects.toMatchObject(UNANSWERED);
  },
  5000,
);

it('a topic that does not answer is waited for no longer than the caller wants', async () => {
  rig.topic.faults.add({ effect: { kind: 'hang' } });
  const send = rig.connect({ timeoutMs: 60_000 });

  await expect(send(sample(), AbortSignal.timeout(100))).rejects.toMatchObject(UNANSWERED);
}, 5000);
