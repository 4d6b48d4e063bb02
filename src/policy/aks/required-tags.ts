import { isPlainObject } from '../../resources/lenient.ts';
import type { Parameter } from '../define-policy.ts';

/** What one required tag must hold, and what to write when it is missing. */
export interface RequiredTag {
  readonly name: string;
  /** Text with placeholders; undefined = nobody but a person can supply it. */
  readonly default: string | undefined;
  /** Exact values that are accepted; undefined = any. */
  readonly allowed: readonly string[] | undefined;
}

/** Azure's limits for tags (Azure Resource Manager, "tag resources"): 512 characters a name, 256 a value, and no `< > % & \ ? /` in names. */
export const TAG_LIMITS = { perResource: 50, name: 512, value: 256 } as const;
const FORBIDDEN_IN_NAMES = /[<>%&\\?/\p{Cc}]/u;
const PLACEHOLDER = /\{([^{}]*)\}/g;
const PLACEHOLDERS = ['subscriptionId', 'resourceGroup', 'creator'] as const;
type Placeholder = (typeof PLACEHOLDERS)[number];

/**
 * `AKS_REQUIRED_TAGS`: a JSON object from tag name to a default value, to `null` (required, no default), or to
 * `{"default": "...", "allowed": ["...", "..."]}`.
 */
export const requiredTags: Parameter<readonly RequiredTag[]> = {
  setting: 'AKS_REQUIRED_TAGS',
  default: [],
  description:
    'Tags that every AKS cluster must carry, with the value to add when one is missing. Placeholders in values: {subscriptionId}, {resourceGroup}, {creator}.',
  format:
    'a JSON object such as {"costCenter":"4711","owner":"{creator}","environment":{"default":"prod","allowed":["prod","dev"]},"team":null}',
  examples: ['{"costCenter":"4711"}', '{"owner":null}'],
  parse: parseRequiredTags,
};

function parseRequiredTags(text: string): readonly RequiredTag[] | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return undefined;
  const tags = Object.entries(json).map(([name, value]) => parseTag(name, value));
  const names = new Set(tags.map((tag) => tag?.name.toLowerCase()));
  if (names.size !== tags.length || tags.length > TAG_LIMITS.perResource) return undefined;
  return tags.every((tag) => tag !== undefined) ? tags : undefined;
}

function parseTag(name: string, value: unknown): RequiredTag | undefined {
  if (name.trim() === '' || name.length > TAG_LIMITS.name || FORBIDDEN_IN_NAMES.test(name)) return undefined;
  if (value === null) return { name, default: undefined, allowed: undefined };
  if (typeof value === 'string') return isTemplate(value) ? { name, default: value, allowed: undefined } : undefined;
  if (!isPlainObject(value)) return undefined;
  const { default: preset, allowed, ...rest } = value;
  if (Object.keys(rest).length > 0 || !isList(allowed)) return undefined;
  if (preset === undefined) return { name, default: undefined, allowed };
  if (typeof preset !== 'string' || !allowed.includes(preset)) return undefined;
  return { name, default: preset, allowed };
}

function isList(value: unknown): value is readonly string[] {
  return (
    Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === 'string' && isTemplate(item))
  );
}

function isTemplate(value: string): boolean {
  if (value.length > TAG_LIMITS.value) return false;
  return [...value.matchAll(PLACEHOLDER)].every(([, name]) => PLACEHOLDERS.some((known) => known === name));
}

/** Fills the placeholders; undefined when one has no value on this resource or the result is longer than a tag may be. */
export function fillTemplate(
  template: string,
  values: Readonly<Record<Placeholder, string | undefined>>,
): string | undefined {
  let complete = true;
  const filled = template.replace(PLACEHOLDER, (_match, name: Placeholder) => {
    const value = values[name];
    if (value === undefined) complete = false;
    return value ?? '';
  });
  return complete && filled.length <= TAG_LIMITS.value ? filled : undefined;
}
