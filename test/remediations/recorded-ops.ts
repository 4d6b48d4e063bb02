import type { Bound, Operation } from '../../src/azure/operation.ts';
import type { Remediation } from '../../src/remediations/define-remediation.ts';

/** Plain functions in the place of operations, and what they were called with. */
interface RecordedOps<U extends Readonly<Record<string, Operation>>> {
  readonly ops: Bound<U>;
  readonly calls: readonly (readonly [name: string, ...args: unknown[]])[];
}

/** The parameter of a remediation's functions, in the words of its own type. */
type OpsOf<R> = R extends { readonly uses: infer U extends Readonly<Record<string, Operation>> } ? U : never;

/** Records every call; reads answer what `answers` holds, everything else answers nothing. */
export function recordOps<R extends Pick<Remediation, 'uses'>>(
  remediation: R,
  answers: Readonly<Record<string, unknown>> = {},
): RecordedOps<OpsOf<R>> {
  const calls: (readonly [string, ...unknown[]])[] = [];
  const functions = Object.keys(remediation.uses).map((name) => [
    name,
    async (...args: readonly unknown[]) => {
      calls.push([name, ...args]);
      const answer = answers[name];
      if (answer instanceof Error) throw answer;
      return await Promise.resolve(answer);
    },
  ]);
  // Each entry has the type that `Bound` gives it, which `Object.fromEntries` cannot express.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return { ops: Object.fromEntries(functions) as Bound<OpsOf<R>>, calls };
}
