import type { Json, JsonObject } from './json.ts';
import { isWithin } from './resource-path.ts';

/** A resource as ARM stores it: raw JSON, the id in the spelling in which it is answered. */
export interface RawResource extends JsonObject {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly location?: string;
  readonly tags?: Tags | null;
  readonly properties?: JsonObject;
}

export type Tags = Readonly<Record<string, string>>;

/** Every resource of every subscription, by lower-case id. Stored objects are never changed in place, only replaced. */
export class ResourceStore {
  #resources = new Map<string, RawResource>();
  /** The state before the last write, for stale reads; undefined = did not exist. */
  #previous = new Map<string, RawResource | undefined>();
  /** What a resource keeps but never answers in a GET, such as the passwords of a registry. */
  #secrets = new Map<string, JsonObject>();

  find(id: string): RawResource | undefined {
    return this.#resources.get(id.toLowerCase());
  }

  /** What a replica that missed the last write would answer. */
  findStale(id: string): RawResource | undefined {
    const key = id.toLowerCase();
    return this.#previous.has(key) ? this.#previous.get(key) : this.#resources.get(key);
  }

  write(resource: RawResource): RawResource {
    const key = resource.id.toLowerCase();
    const before = this.#resources.get(key);
    this.#previous.set(key, before);
    // A resource keeps the spelling of its id and name for life, whatever later callers type.
    const stored = before ? { ...resource, id: before.id, name: before.name, type: before.type } : resource;
    this.#resources.set(key, stored);
    return stored;
  }

  /** Removes a resource and what lies below it; false when there is none. */
  remove(id: string): boolean {
    const key = id.toLowerCase();
    if (!this.#resources.has(key)) return false;
    for (const [other, resource] of this.#resources) {
      if (other !== key && !other.startsWith(`${key}/`)) continue;
      this.#previous.set(other, resource);
      this.#resources.delete(other);
      this.#secrets.delete(other);
    }
    return true;
  }

  /** Resources at or below a scope; `type` compares without case. */
  list(scope: string, type?: string): readonly RawResource[] {
    const wanted = type?.toLowerCase();
    return [...this.#resources.values()].filter(
      (resource) => (!wanted || resource.type.toLowerCase() === wanted) && isWithin(resource.id, scope),
    );
  }

  secretsOf(id: string): JsonObject | undefined {
    return this.#secrets.get(id.toLowerCase());
  }

  keepSecrets(id: string, secrets: JsonObject): void {
    this.#secrets.set(id.toLowerCase(), secrets);
  }

  /** Takes a snapshot; calling the result brings it back. */
  checkpoint(): () => void {
    const saved = [new Map(this.#resources), new Map(this.#previous), new Map(this.#secrets)] as const;
    return () => {
      [this.#resources, this.#previous, this.#secrets] = saved;
    };
  }
}

/** `properties` with one member changed. */
export function withProperty(resource: RawResource, name: string, value: Json): RawResource {
  return { ...resource, properties: { ...resource.properties, [name]: value } };
}
