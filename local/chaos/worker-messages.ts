import * as z from 'zod';

/** One pace of the clock that all processes share. */
const PaceMessage = z.object({ from: z.number(), shows: z.number(), speed: z.number() });

/** While the clock shows a time between these, nobody reaches the audit table. */
export const Outage = z.object({ from: z.number(), to: z.number() });
export type Outage = Readonly<z.infer<typeof Outage>>;

/** What a worker is told when it starts, besides the settings in its environment. */
export const WorkerConfig = z.object({
  paces: z.tuple([PaceMessage]).rest(PaceMessage),
  /** Real seconds for which a message is held. */
  heldSeconds: z.number(),
  /** Messages of queue `work` that it takes at once. */
  batchSize: z.number(),
  /** Absent = not announced yet. */
  outage: z.exactOptional(Outage),
});
export type WorkerConfig = z.infer<typeof WorkerConfig>;

/** What a worker hears. */
export const WorkerCommand = z.discriminatedUnion('type', [
  z.object({ type: z.literal('pace'), pace: PaceMessage }),
  z.object({ type: z.literal('outage'), outage: Outage }),
  z.object({ type: z.literal('sweep') }),
  z.object({ type: z.literal('stop') }),
]);
export type WorkerCommand = z.infer<typeof WorkerCommand>;

/** One look of the engine at a live resource, as it begins. */
const LookNote = z.object({
  type: z.literal('look'),
  /** Id in lower case. */
  resource: z.string(),
  /** What waits to be looked at. */
  causes: z.array(z.object({ id: z.string(), kind: z.string() })),
  /** Tries before this one that ended in waiting. */
  attempt: z.number(),
  /** Another worker held the lease, or left an open run, without giving it back in order. */
  isTakenOver: z.boolean(),
});
export type LookNote = Readonly<z.infer<typeof LookNote>>;

/** What a worker tells. */
export const WorkerNote = z.discriminatedUnion('type', [
  z.object({ type: z.literal('ready') }),
  LookNote,
  /** Somebody else holds the lease of this resource, and it had not run out. */
  z.object({ type: z.literal('robbed'), resource: z.string() }),
  /** The work on this resource is done for now. */
  z.object({ type: z.literal('left'), resource: z.string() }),
  z.object({ type: z.literal('swept'), isComplete: z.boolean(), queued: z.number() }),
  /** Calls of the audit table that were refused since the last note. */
  z.object({ type: z.literal('audit-refused'), calls: z.number() }),
  /** Lines of the product's log since the last note, counted by level and message. */
  z.object({ type: z.literal('logged'), lines: z.record(z.string(), z.number()) }),
  /** A handler threw: the message will come again. */
  z.object({ type: z.literal('failed'), queue: z.string(), error: z.string() }),
]);
export type WorkerNote = z.infer<typeof WorkerNote>;
