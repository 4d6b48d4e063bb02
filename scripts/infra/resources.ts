import { isJsonObject, type Json, type JsonObject } from '../../local/azure/json.ts';
import { evaluateAll } from './evaluate.ts';

/** One resource, of a compiled template (its values may be expressions) or of a snapshot (they are evaluated). */
export interface Resource {
  /** For people: the file and the names on the way to it. */
  readonly where: string;
  /** As ARM spells it, in lower case: templates may differ in it. */
  readonly type: string;
  /** Empty in a template: it is known when it is deployed. */
  readonly id: string;
  readonly body: JsonObject;
}

/** What became of a rule: how much it has looked at, and one sentence for each thing that is wrong. */
export interface Judgement {
  readonly seen: number;
  readonly problems: readonly string[];
}

/** All resources of a compiled template, those of nested deployments too. `existing` ones are only looked up and not among them. */
export function listTemplateResources(template: JsonObject, where: string): readonly Resource[] {
  const { resources } = template;
  // An array in the older language version, an object by symbolic name in the newer one.
  const entries = Array.isArray(resources)
    ? resources.map((resource, index): [string, Json | undefined] => [String(index), resource])
    : Object.entries(isJsonObject(resources) ? resources : {});
  return entries.flatMap(([name, body]) => {
    if (!isJsonObject(body) || body['existing'] === true) return [];
    const place = `${where} › ${name}`;
    const nested = readPath(body, 'properties.template');
    const inner = isJsonObject(nested) ? listTemplateResources(nested, place) : [];
    // Children that are written inside their parent.
    const children = 'resources' in body ? listTemplateResources({ resources: body['resources'] }, place) : [];
    return [{ where: place, type: textAt(body, 'type').toLowerCase(), id: '', body }, ...inner, ...children];
  });
}

/** The template itself and all that are nested in it, each with where it is. */
export function listTemplates(template: JsonObject, where: string): readonly (readonly [string, JsonObject])[] {
  const nested = listTemplateResources(template, where).flatMap(({ where: place, body }) => {
    const inner = readPath(body, 'properties.template');
    return isJsonObject(inner) ? [[place, inner] as const] : [];
  });
  return [[where, template], ...nested];
}

/** The resources that a snapshot predicts, evaluated as far as can be. Throws when it is none. */
export function listPredicted(snapshot: JsonObject, where: string): readonly Resource[] {
  const { predictedResources } = snapshot;
  if (!Array.isArray(predictedResources)) throw new Error(`${where} is not a snapshot`);
  return predictedResources.map((written: Json) => {
    const body = evaluateAll(written);
    if (!isJsonObject(body)) throw new Error(`${where} holds a resource that is none`);
    const id = textAt(body, 'id');
    return { where: `${where} › ${id}`, type: textAt(body, 'type').toLowerCase(), id, body };
  });
}

/** The value behind a dotted path, as `properties.siteConfig.minTlsVersion`; undefined when anything on the way is missing. */
export function readPath(value: Json | undefined, path: string): Json | undefined {
  let current: Json | undefined = value;
  for (const name of path.split('.')) current = isJsonObject(current) ? current[name] : undefined;
  return current;
}

/** The text behind a dotted path; empty when there is none, or something else. */
export function textAt(value: Json | undefined, path: string): string {
  const found = readPath(value, path);
  return typeof found === 'string' ? found : '';
}

/** Resources of one type. */
export function ofType(resources: readonly Resource[], type: string): readonly Resource[] {
  return resources.filter((resource) => resource.type === type.toLowerCase());
}

/** Every text in a value, with the dotted path to it. */
export function listTexts(value: Json | undefined, path = ''): readonly (readonly [string, string])[] {
  if (typeof value === 'string') return [[path, value]];
  if (Array.isArray(value)) return value.flatMap((item, index) => listTexts(item, `${path}[${index}]`));
  if (!isJsonObject(value)) return [];
  return Object.entries(value).flatMap(([name, item]) => listTexts(item, path === '' ? name : `${path}.${name}`));
}

/** What several rules, or one over several places, have found. */
export function join(judgements: readonly Judgement[]): Judgement {
  return {
    seen: judgements.reduce((sum, { seen }) => sum + seen, 0),
    problems: judgements.flatMap(({ problems }) => problems),
  };
}

/** What is wrong by a rule; one that has seen nothing proves nothing, and fails. */
export function problemsOf({ seen, problems }: Judgement): readonly string[] {
  return seen === 0 && problems.length === 0
    ? ['nothing was looked at: the rule no longer fits the templates']
    : problems;
}
