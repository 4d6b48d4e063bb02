import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { isJsonObject, type Json } from '../../local/azure/json.ts';
import { type Expression, isExpression, parseExpression, printExpression } from './expression-syntax.ts';

/** What is known only when it is deployed, as the id of an identity that is made then; printed as `[…]`. */
class Later {
  readonly expression: Expression;

  constructor(expression: Expression) {
    this.expression = expression;
  }
}

type Value = string | number | boolean | null | Later | readonly Value[] | Fields;

interface Fields {
  readonly [name: string]: Value;
}

type Variables = Readonly<Record<string, Value>>;

/** A cloud of Azure, as the function `environment()` tells of it. */
export interface Cloud {
  readonly name: string;
  readonly resourceManager: string;
  readonly suffixes: { readonly keyvaultDns: string; readonly storage: string };
}

const AZURE_CLOUD: Cloud = {
  name: 'AzureCloud',
  resourceManager: 'https://management.azure.com/',
  suffixes: { keyvaultDns: '.vault.azure.net', storage: 'core.windows.net' },
};

/**
 * A value of a snapshot with its expressions evaluated as far as that goes without Azure: the compiler leaves a whole expression alone when one
 * part of it is known only at deployment. What depends on such a part stays an expression. Identifiers that are made of such parts are made
 * up: the same for the same parts, and not what Azure will make of them.
 */
export function evaluateAll(value: Json | undefined, cloud: Cloud = AZURE_CLOUD): Json | undefined {
  if (typeof value === 'string') {
    return isExpression(value) ? print(evaluate(parseExpression(value), {}, cloud)) : value;
  }
  if (Array.isArray(value)) return value.map((item: Json) => evaluateAll(item, cloud) ?? null);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, evaluateAll(item, cloud)]));
}

function print(value: Value): Json {
  if (value instanceof Later) return `[${printExpression(value.expression)}]`;
  if (isList(value)) return value.map(print);
  if (!isFields(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, print(item)]));
}

/** As part of a text. */
function textOf(value: Value | undefined): string {
  if (value === undefined) return '';
  return typeof value === 'string' ? value : JSON.stringify(print(value));
}

function isList(value: Value | undefined): value is readonly Value[] {
  return Array.isArray(value);
}

function isFields(value: Value | undefined): value is Fields {
  return typeof value === 'object' && value !== null && !isList(value) && !(value instanceof Later);
}

function evaluate(expression: Expression, variables: Variables, cloud: Cloud): Value {
  if (expression.kind === 'literal') return expression.value;
  const inner = (part: Expression): Value => evaluate(part, variables, cloud);
  if (expression.kind === 'member') return readMember(inner(expression.of), inner(expression.key), expression);
  const { name, args } = expression;
  switch (name.toLowerCase()) {
    case 'lambdavariables':
      return variables[nameOf(args[0])] ?? new Later(expression);
    case 'environment':
      return { name: cloud.name, resourceManager: cloud.resourceManager, suffixes: { ...cloud.suffixes } };
    case 'if': {
      const condition = args[0] === undefined ? undefined : inner(args[0]);
      const chosen = condition === true ? args[1] : args[2];
      return typeof condition === 'boolean' && chosen !== undefined ? inner(chosen) : new Later(expression);
    }
    case 'map':
    case 'filter':
    case 'toobject':
      return evaluateLoop(expression, variables, cloud);
    default: {
      const values = args.map(inner);
      const result = call(name.toLowerCase(), values);
      if (result !== undefined) return result;
      return new Later({ ...expression, args: args.map((arg, index) => toExpression(values[index], arg)) });
    }
  }
}

/** Part of an expression that stays one: with what could be evaluated, or as it was written. */
function toExpression(value: Value | undefined, written: Expression): Expression {
  if (value instanceof Later) return value.expression;
  return typeof value === 'string' || typeof value === 'number' ? { kind: 'literal', value } : written;
}

function readMember(of: Value, key: Value, written: Expression & { readonly kind: 'member' }): Value {
  if (of instanceof Later || key instanceof Later) {
    return new Later({ kind: 'member', of: toExpression(of, written.of), key: toExpression(key, written.key) });
  }
  const found = isList(of) ? of[Number(key)] : isFields(of) ? of[textOf(key)] : undefined;
  return found ?? null;
}

function evaluateLoop(expression: Expression & { readonly kind: 'call' }, variables: Variables, cloud: Cloud): Value {
  const [over, ...lambdas] = expression.args;
  const list = over === undefined ? undefined : evaluate(over, variables, cloud);
  if (!isList(list)) return new Later(expression);
  const apply = (lambda: Expression, item: Value): Value => {
    const body = lambda.kind === 'call' ? lambda.args.at(-1) : undefined;
    if (lambda.kind !== 'call' || body === undefined) return new Later(expression);
    return evaluate(body, { ...variables, [nameOf(lambda.args[0])]: item }, cloud);
  };
  const rows = list.map((item) => ({ item, results: lambdas.map((lambda) => apply(lambda, item)) }));
  switch (expression.name.toLowerCase()) {
    case 'map':
      return rows.map(({ results }) => results[0] ?? null);
    case 'filter':
      if (rows.some(({ results }) => typeof results[0] !== 'boolean')) return new Later(expression);
      return rows.filter(({ results }) => results[0] === true).map(({ item }) => item);
    default:
      if (rows.some(({ results }) => typeof results[0] !== 'string')) return new Later(expression);
      return Object.fromEntries(rows.map(({ item, results }) => [textOf(results[0]), results[1] ?? item]));
  }
}

function nameOf(expression: Expression | undefined): string {
  return expression?.kind === 'literal' ? String(expression.value) : '';
}

/** Undefined for a function that is not known here, or that depends on what is known later. */
function call(name: string, args: readonly Value[]): Value | undefined {
  const [first, second, ...others] = args;
  switch (name) {
    case 'createobject':
      return Object.fromEntries(
        args.flatMap((key, index) => (index % 2 === 0 ? [[textOf(key), args[index + 1] ?? null]] : [])),
      );
    case 'createarray':
      return args;
    case 'guid':
      return makeUp(args);
    case 'extensionresourceid':
      return nameResource(textOf(first), textOf(second), others);
    case 'subscriptionresourceid':
      return nameResource(`/subscriptions/${textOf(first)}`, textOf(second), others);
    case 'items':
      return isFields(first)
        ? Object.entries(first)
            .toSorted(([one], [other]) => (one < other ? -1 : 1))
            .map(([key, value]) => ({ key, value }))
        : undefined;
    case 'union':
      return unite(args);
    default:
      return args.some((arg) => arg instanceof Later) ? undefined : callKnown(name, args);
  }
}

/** Functions that need to know all of their arguments. */
function callKnown(name: string, args: readonly Value[]): Value | undefined {
  const [first, second, third] = args;
  switch (name) {
    case 'true':
      return true;
    case 'false':
      return false;
    case 'null':
      return null;
    case 'not':
      return first !== true;
    case 'empty':
      return isEmpty(first);
    case 'equals':
      return isDeepStrictEqual(first, second);
    case 'format':
      return textOf(first).replace(/\{(\d+)\}/g, (_mark, index: string) => textOf(args[Number(index) + 1]));
    case 'split':
      return textOf(first).split(textOf(second));
    case 'substring':
      return textOf(first).slice(Number(second), third === undefined ? undefined : Number(second) + Number(third));
    case 'tolower':
      return textOf(first).toLowerCase();
    default:
      return undefined;
  }
}

function unite(args: readonly Value[]): Value | undefined {
  if (args.every(isFields)) return Object.assign({}, ...args);
  if (args.every(isList)) return [...new Set(args.flat())];
  return undefined;
}

function isEmpty(value: Value | undefined): boolean {
  if (isList(value)) return value.length === 0;
  return isFields(value) ? Object.keys(value).length === 0 : value === '' || value === null;
}

/** `A.B/c/d` with its names below a scope. */
function nameResource(scope: string, type: string, names: readonly Value[]): string {
  const [provider = '', ...types] = type.split('/');
  const parts = types.map((part, index) => `${part}/${textOf(names[index])}`);
  return `${scope}/providers/${provider}/${parts.join('/')}`;
}

/** A GUID that is the same for the same arguments. */
function makeUp(args: readonly Value[]): string {
  const hex = createHash('sha256')
    .update(JSON.stringify(args.map(print)))
    .digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
}
