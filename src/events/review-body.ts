import * as z from 'zod';
import { RUN_ID } from './cause.ts';

/** Longest remark of an operator, in characters. */
const MAX_REMARK = 500;
const Remark = z
  .string()
  .transform((text) => text.replaceAll(/\p{C}/gu, ' ').trim().slice(0, MAX_REMARK).toWellFormed());
const PolicyId = z.string().max(100);

/** A finding as its reader saw it: with a hash of the evidence. */
const AnswerBody = z.strictObject({
  resourceId: z.string(),
  policyId: PolicyId,
  evidence: z.string().regex(/^[0-9a-f]{16}$/),
});

/** A message that nobody could handle, as `messages list` names it. */
const MessageBody = z.strictObject({ id: z.string().max(1100), reason: Remark.pipe(z.string().min(1)) });

/** A body that was read, or the names of the members that are wrong. */
export type ParsedBody<T> = { readonly ok: true; readonly body: T } | { readonly ok: false; readonly problem: string };

/** Readers of what an operator sends. Unknown members are refused: they were meant to say something. */
export const reviewBodies = {
  approve: reader(z.strictObject({ ...AnswerBody.shape, comment: Remark.optional() })),
  reject: reader(z.strictObject({ ...AnswerBody.shape, reason: Remark.pipe(z.string().min(1)) })),
  undo: reader(z.strictObject({ runId: z.string().regex(RUN_ID), reason: Remark.optional() })),
  release: reader(z.strictObject({ resourceId: z.string(), policyId: PolicyId, reason: Remark.optional() })),
  /** The breaker as `breaker list` names it. */
  reset: reader(z.strictObject({ breaker: z.string().max(200), reason: Remark.optional() })),
  /** What was looked at before, by an audit row, or one element of what arrived. */
  replay: reader(
    z
      .strictObject({
        auditKey: z.string().max(1024).optional(),
        message: z.unknown().optional(),
        observe: z.boolean(),
        reason: Remark.optional(),
      })
      .refine(({ auditKey, message }) => (auditKey === undefined) !== (message === undefined), {
        path: ['auditKey or message'],
      }),
  ),
  'message-replay': reader(MessageBody),
  'message-drop': reader(MessageBody),
};

export type ReviewAction = keyof typeof reviewBodies;
export type ReviewBody<A extends ReviewAction> = Extract<ReturnType<(typeof reviewBodies)[A]>, { ok: true }>['body'];

/** What an operator can ask for. */
export const reviewActions: readonly ReviewAction[] = [
  'approve',
  'reject',
  'undo',
  'release',
  'reset',
  'replay',
  'message-replay',
  'message-drop',
];

function reader<T>(schema: z.ZodType<T>): (body: unknown) => ParsedBody<T> {
  return (body) => {
    const parsed = schema.safeParse(body);
    return parsed.success ? { ok: true, body: parsed.data } : { ok: false, problem: describe(parsed.error) };
  };
}

/** Names of the members that are wrong; never what they hold. */
function describe({ issues }: z.ZodError): string {
  const fields = issues.flatMap((issue) => (issue.code === 'unrecognized_keys' ? issue.keys : [issue.path.join('.')]));
  const named = fields.map((field) => (field === '' ? 'body' : field.slice(0, 40).toWellFormed()));
  return `check ${[...new Set(named)].slice(0, 10).join(', ')}`;
}
