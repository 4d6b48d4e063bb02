import { DockwardenError } from '../errors.ts';
import type { Finding, NextFinding } from '../findings/findings.ts';
import type { ResourceId } from '../resources/resource-id.ts';
import type { Versioned } from '../versioned.ts';
import { memoryOf, type SafetyMemory, withMemory } from './finding-state.ts';
import type { EngineContext } from './ports.ts';
import type { WorkLease } from './work-lease.ts';

/** The findings of one resource during one pass: as they were, and what is to be stored when the pass ends. */
export class FindingBook {
  /** As they were stored, by policy. */
  readonly previous: ReadonlyMap<string, Finding>;
  /** Versions of the rows as this pass knows them, by policy. */
  readonly #etags: Map<string, string>;
  readonly #changed = new Map<string, Finding>();
  /** Policies whose finding says something that is not stored yet. */
  readonly #unsaved = new Set<string>();
  /** What the safety devices know of each policy's violation by now. */
  readonly #memories = new Map<string, SafetyMemory>();

  constructor(findings: readonly Versioned<Finding>[]) {
    this.previous = new Map(findings.map(({ item }) => [item.policyId, item]));
    this.#etags = new Map(findings.map(({ item, etag }) => [item.policyId, etag]));
  }

  /** As this pass knows it by now. */
  latest(policyId: string): Finding | undefined {
    return this.#changed.get(policyId) ?? this.previous.get(policyId);
  }

  isChanged(policyId: string): boolean {
    return this.#changed.has(policyId);
  }

  put(finding: Finding): void {
    this.#changed.set(finding.policyId, finding);
    this.#unsaved.add(finding.policyId);
  }

  memoryOf(policyId: string): SafetyMemory {
    return this.#memories.get(policyId) ?? memoryOf(this.previous.get(policyId));
  }

  /** What the next decision of this pass goes by. */
  setMemory(policyId: string, memory: SafetyMemory): void {
    this.#memories.set(policyId, memory);
  }

  /** The same, stored even if the pass ends before a decision. */
  remember(policyId: string, memory: SafetyMemory): void {
    this.setMemory(policyId, memory);
    const finding = this.latest(policyId);
    if (finding !== undefined) this.put(withMemory(finding, memory));
  }

  /** Stores every finding that says something new, together. Throws `LEASE_LOST` when another worker has stored what it found. */
  async save({ findings }: EngineContext, target: ResourceId, lease: WorkLease): Promise<void> {
    if (this.#unsaved.size === 0) return;
    await lease.ensure();
    const news = [...this.#changed.values()].filter(({ policyId }) => this.#unsaved.has(policyId));
    const written = await findings.save(
      target,
      news.map((item) => this.#withVersion(item)),
    );
    // The lease may have run out since it was looked at: what a successor has found stays.
    if (written === undefined) {
      const error = 'another worker has stored findings of this resource';
      throw new DockwardenError('LEASE_LOST', error, { resourceId: target.id });
    }
    for (const { item, etag } of written) this.#etags.set(item.policyId, etag);
    this.#unsaved.clear();
  }

  #withVersion(item: Finding): NextFinding {
    const etag = this.#etags.get(item.policyId);
    return etag === undefined ? { item } : { item, etag };
  }
}
