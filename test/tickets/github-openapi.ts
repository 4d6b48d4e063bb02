import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { isPlainObject } from '../../src/resources/lenient.ts';

/** The published description of the five operations that we use; it is not part of this project. */
const file = resolve(import.meta.dirname, '../../../shared/fixtures/tickets/github-issues.openapi.subset.json');

export interface GitHubDescription {
  /** What is wrong with the request; undefined = the description does not know this operation. */
  checkRequest(method: string, path: string, query: URLSearchParams, body: unknown): readonly string[] | undefined;
  checkAnswer(method: string, path: string, status: number, body: unknown): readonly string[];
}

/** Undefined where the description is not there. */
export function readGitHubDescription(): GitHubDescription | undefined {
  if (!existsSync(file)) return undefined;
  const document: unknown = JSON.parse(readFileSync(file, 'utf8'));

  /** Follows references; an absent part reads as `{}`. */
  function part(value: unknown, ...names: readonly string[]): Record<string, unknown> {
    let current: unknown = value;
    for (const name of names) current = isPlainObject(current) ? follow(current)[name] : undefined;
    return isPlainObject(current) ? follow(current) : {};
  }

  function follow(value: Record<string, unknown>): Record<string, unknown> {
    const reference = value['$ref'];
    if (typeof reference !== 'string') return value;
    return part(document, ...reference.replace('#/', '').split('/'));
  }

  function findOperation(method: string, path: string): Record<string, unknown> | undefined {
    const template = Object.keys(part(document, 'paths')).find((candidate) =>
      new RegExp(`^${candidate.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(path),
    );
    const operation = part(document, 'paths', template ?? '', method.toLowerCase());
    return Object.keys(operation).length === 0 ? undefined : operation;
  }

  function check(schema: Record<string, unknown>, value: unknown, where: string): readonly string[] {
    const { type, nullable, required, properties, items, oneOf, anyOf, allOf, additionalProperties } = schema;
    const allowed = schema['enum'];
    // GitHub's description forgets null among the values of some enums that are nullable.
    if (value === null) return nullable === true || Object.keys(schema).length === 0 ? [] : [`${where} is null`];
    if (typeof type === 'string' && !isOfType(type, value)) return [`${where} is not of type ${type}`];
    const problems: string[] = [];
    if (Array.isArray(allowed) && !allowed.includes(value)) problems.push(`${where} is none of ${allowed.join(', ')}`);
    if (Array.isArray(value)) {
      for (const [index, item] of value.entries()) problems.push(...check(part(items), item, `${where}[${index}]`));
    }
    if (isPlainObject(value)) {
      for (const name of list(required)) {
        if (typeof name === 'string' && value[name] === undefined) problems.push(`${where}.${name} is missing`);
      }
      for (const [name, child] of Object.entries(value)) {
        if (child === undefined) continue;
        const known = part(properties, name);
        if (additionalProperties === false && Object.keys(known).length === 0)
          problems.push(`${where}.${name} is unknown`);
        problems.push(...check(known, child, `${where}.${name}`));
      }
    }
    for (const choice of [oneOf, anyOf]) {
      const branches = list(choice).map((branch) => check(part(branch), value, where));
      if (branches.length > 0 && branches.every((branch) => branch.length > 0)) problems.push(...(branches[0] ?? []));
    }
    for (const branch of list(allOf)) problems.push(...check(part(branch), value, where));
    return problems;
  }

  return {
    checkRequest(method, path, query, body) {
      const operation = findOperation(method, path);
      if (operation === undefined) return undefined;
      const problems: string[] = [];
      const parameters = list(operation['parameters']).map((parameter) => part(parameter));
      for (const [name, text] of query) {
        const known = parameters.find((parameter) => parameter['in'] === 'query' && parameter['name'] === name);
        if (known === undefined) problems.push(`query ${name} is unknown`);
        const schema = part(known, 'schema');
        problems.push(...check(schema, schema['type'] === 'integer' ? Number(text) : text, `query ${name}`));
      }
      const schema = part(operation, 'requestBody', 'content', 'application/json', 'schema');
      if (Object.keys(schema).length === 0)
        return body === undefined ? problems : [...problems, 'a body is not expected'];
      // A name that is not described is a spelling mistake of ours, though GitHub would ignore it.
      problems.push(...check({ ...schema, additionalProperties: false }, body, 'body'));
      return problems;
    },
    checkAnswer(method, path, status, body) {
      const operation = findOperation(method, path);
      if (operation === undefined) return [];
      const answer = part(operation, 'responses', String(status));
      if (Object.keys(answer).length === 0) return [];
      return check(part(answer, 'content', 'application/json', 'schema'), body, 'answer');
    },
  };
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function isOfType(type: string, value: unknown): boolean {
  if (type === 'array') return Array.isArray(value);
  if (type === 'object') return isPlainObject(value);
  if (type === 'integer') return Number.isInteger(value);
  return typeof value === type;
}
