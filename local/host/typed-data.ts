import type { TypedData } from './core-module.ts';

/** A host value in the form the worker receives. */
function toTypedData(value: unknown): TypedData {
  if (typeof value === 'string') return { string: value };
  if (value instanceof Uint8Array) return { bytes: value };
  return { json: JSON.stringify(value) };
}

/** What an output binding or a return value holds; undefined when nothing was set. */
export function fromTypedData(data: TypedData | null | undefined): unknown {
  if (data === null || data === undefined) return undefined;
  if (data.json !== undefined) return JSON.parse(data.json);
  return data.string ?? data.int ?? data.double ?? data.bytes ?? data.collectionString?.string;
}

/**
 * Trigger metadata: the trigger's own values, then – when the trigger's string is a JSON object – its top-level
 * properties that are neither null nor arrays, which overwrite the trigger's values of the same name.
 */
export function toTriggerMetadata(input: string | undefined, own: Readonly<Record<string, unknown>>) {
  const merged: Record<string, unknown> = { ...own, ...readObject(input) };
  const metadata: Record<string, TypedData> = {};
  for (const [name, value] of Object.entries(merged)) {
    if (value !== null && value !== undefined) metadata[name] = toTypedData(value);
  }
  return metadata;
}

function readObject(text: string | undefined): Record<string, unknown> {
  if (text === undefined || !/^\s*\{/u.test(text)) return {};
  try {
    const properties: Record<string, unknown> = JSON.parse(text);
    return Object.fromEntries(Object.entries(properties).filter(([, value]) => !Array.isArray(value)));
  } catch {
    return {}; // text that only looks like JSON reaches the handler as text, without metadata
  }
}
