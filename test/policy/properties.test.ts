import { assert, constantFrom, dictionary, jsonValue, property, string } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { loadPolicyCases } from '../../scripts/load-cases.ts';
import { parseResource } from '../../src/engine/snapshot.ts';
import { compliant, type Policy, type Verdict, violation } from '../../src/policy/define-policy.ts';
import type { PolicyCase } from '../../src/policy/policy-cases.ts';
import { evaluateCase, factsOf, readCase } from './evaluate-case.ts';

type Path = readonly string[];

/**
 * Properties whose absence may still be compliant, each with the reason. Everywhere else a missing property never
 * looks compliant.
 */
const secureWhenAbsent: readonly {
  readonly policy: string;
  readonly path: string;
  readonly because: string;
  readonly when?: (example: PolicyCase) => boolean;
}[] = [
  {
    policy: 'acr-admin-user-disabled',
    path: 'properties.adminUserEnabled',
    because: "ARM's default is off, and a live GET always returns the flag",
  },
  {
    policy: 'acr-second-password-fresh',
    path: 'properties.creationDate',
    because: 'a recorded rotation is the better evidence; the creation date only bounds what was never rotated',
    when: ({ lastFixedAt }) => lastFixedAt !== undefined,
  },
  ...['aks-node-reboot-completed', 'aks-node-image-current', 'aks-windows-node-image-current'].flatMap((policy) =>
    ['properties.autoUpgradeProfile', 'properties.autoUpgradeProfile.nodeOSUpgradeChannel'].map((path) => ({
      policy,
      path,
      because:
        'an absent channel is None: the image alone tells then, and aks-node-reboot-coverage-complete is violated',
    })),
  ),
];

/** Policies that look at nothing of the resource itself: all that they judge is what Defender says of it. */
const judgedByOthers = new Set([
  'aci-alerts-closed',
  'acr-alerts-closed',
  'acr-image-vulnerabilities-resolved',
  'aks-alerts-closed',
  'kv-alerts-closed',
]);

const files = await loadPolicyCases();
const verdictKinds = ['compliant', 'violation', 'not-applicable', 'unknown'];

describe.each(files)('$content.policy.id', ({ content: { policy, cases } }) => {
  const examples = Object.values(cases);

  test('says one of the four verdicts, and the same twice, on any JSON', () => {
    const verdicts: Verdict[] = [];
    assert(
      property(dictionary(string(), jsonValue()), (body) => {
        // A body without id or name is `unknown` before any policy sees it.
        verdicts.push(...evaluateTwice(policy, { ...body, id: '/x', name: 'x' }, {}));
      }),
    );

    expectSteady(verdicts);
  });

  test('says one of the four verdicts, and the same twice, when one property of a real body is anything else', () => {
    const places = examples.flatMap((example) => listPaths(example.resource).map((path) => ({ example, path })));
    const verdicts: Verdict[] = [];
    assert(
      property(constantFrom(...places), jsonValue(), ({ example, path }, value) => {
        verdicts.push(...evaluateTwice(policy, replace(example.resource, path, value), example));
      }),
      { numRuns: 300 },
    );

    expectSteady(verdicts);
  });

  test('never looks compliant when a property that it read is missing (R35)', () => {
    const { looked, wrong } = findFalseCompliance(policy, examples);

    expect(wrong).toEqual([]);
    expect(looked > 0).toBe(!judgedByOthers.has(policy.id));
  });
});

test('a policy that takes absence for compliance is caught', () => {
  const file = files.find(({ content }) => content.policy.id === 'acr-admin-user-disabled');
  if (file === undefined) throw new Error('there are no cases');
  const { policy, cases } = file.content;
  const careless: Policy = {
    ...policy,
    id: 'planted',
    evaluate: (resource) =>
      'loginServer' in resource.properties && resource.properties.loginServer === 'evil' ? violation({}) : compliant,
  };

  expect(findFalseCompliance(careless, Object.values(cases)).wrong).toContain('properties.loginServer');
});

test('every exception names a policy that exists and is needed', () => {
  const ids = files.map(({ content }) => content.policy.id);

  expect(secureWhenAbsent.filter(({ policy }) => !ids.includes(policy))).toEqual([]);
  expect([...judgedByOthers].filter((id) => !ids.includes(id))).toEqual([]);
});

function evaluateTwice(policy: Policy, body: unknown, example: Partial<PolicyCase>): Verdict[] {
  const resource = parseResource(policy.resource, body);
  if (resource === undefined) return [];
  return [policy.evaluate(resource, factsOf(policy, example)), policy.evaluate(resource, factsOf(policy, example))];
}

function expectSteady(verdicts: readonly Verdict[]): void {
  expect(verdicts.length).toBeGreaterThan(50);
  expect(verdicts.filter(({ verdict }) => !verdictKinds.includes(verdict))).toEqual([]);
  expect(verdicts.filter((_verdict, index) => index % 2 === 0)).toEqual(
    verdicts.filter((_verdict, index) => index % 2 === 1),
  );
}

/** Takes away, one by one, what a policy read of each compliant example; `wrong` are the paths whose absence still was compliant. */
function findFalseCompliance(policy: Policy, examples: readonly PolicyCase[]): { looked: number; wrong: string[] } {
  const removed = examples
    .filter((example) => example.verdict.verdict === 'compliant')
    .flatMap((example) => listPathsRead(policy, example).map((path) => ({ example, path })));
  const wrong = removed.filter(({ example, path }) => {
    const { verdict } = evaluateCase(policy, { ...example, resource: replace(example.resource, path, undefined) });
    return verdict === 'compliant' && findReason(policy, path, example) === undefined;
  });
  return { looked: removed.length, wrong: wrong.map(({ path }) => path.join('.')) };
}

function findReason({ id }: Policy, path: Path, example: PolicyCase): string | undefined {
  return secureWhenAbsent.find(
    (exception) => exception.policy === id && exception.path === path.join('.') && (exception.when?.(example) ?? true),
  )?.because;
}

/** The paths below the resource that `evaluate` looks at; raw names and read names are the same. */
function listPathsRead(policy: Policy, example: PolicyCase): Path[] {
  const paths: Path[] = [];
  policy.evaluate(watch(readCase(policy, example.resource), [], paths), factsOf(policy, example));
  return paths.filter((path) => valueAt(example.resource, path) !== undefined);
}

function watch<T extends object>(target: T, path: Path, seen: Path[]): T {
  return new Proxy(target, {
    get(object, key, receiver) {
      const value: unknown = Reflect.get(object, key, receiver);
      if (typeof key === 'symbol' || !Object.hasOwn(object, key)) return value;
      const here = [...path, key];
      seen.push(here);
      return typeof value === 'object' && value !== null ? watch(value, here, seen) : value;
    },
  });
}

/** Every path of a JSON value, parents included. */
function listPaths(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [path];
  const below = Object.entries(value).flatMap(([key, child]) => listPaths(child, [...path, key]));
  return path.length === 0 ? below : [path, ...below];
}

function valueAt(value: unknown, [key, ...rest]: Path): unknown {
  if (key === undefined) return value;
  return typeof value === 'object' && value !== null ? valueAt(Reflect.get(value, key), rest) : undefined;
}

/** A copy with another value at one path; `undefined` removes it. */
function replace(value: unknown, [key, ...rest]: Path, change: unknown): Record<string, unknown> {
  const copy: Record<string, unknown> = { ...(typeof value === 'object' ? value : {}) };
  if (key === undefined) return copy;
  const child = rest.length === 0 ? change : replace(copy[key], rest, change);
  if (child === undefined) delete copy[key];
  else copy[key] = child;
  return copy;
}
