import type { Finding } from '../findings/findings.ts';
import type { ResourceId } from '../resources/resource-id.ts';
import { memoryOf, type SafetyMemory, withMemory } from './finding-state.ts';
import type { EngineContext } from './ports.ts';
import type { WorkLease } from './work-lease.ts';

/** The findings of one resource during one pass: as they were, and what is to be stored when the pass ends. */
export class FindingBook {
  /** As they were stored, by policy. */
  readonly previous: ReadonlyMap<string, Finding>;
  readonly #changed = new Map<string, Finding>();
  /** Policies whose finding says something that is not stored yet. */
  readonly #unsaved = new Set<string>();
  /** What the safety devices know of each policy's violation by now. */
  readonly #memories = new Map<string, SafetyMemory>();

  constructor(findings: readonly Finding[]) {
    this.previous = new Map(findings.map((finding) => [finding.policyId, finding]));
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
    const finding = this.#changed.get(policyId) ?? this.previous.get(policyId);
    if (finding !== undefined) this.put(withMemory(finding, memory));
  }

  /** Stores every finding that says something new, together. */
  async save({ findings }: EngineContext, target: ResourceId, lease: WorkLease): Promise<void> {
    if (this.#unsaved.size === 0) return;
    // A worker whose lease has run out would overwrite what its successor has found.
    await lease.ensure();
    const news = [...this.#changed.values()].filter(({ policyId }) => this.#unsaved.has(policyId));
    await findings.save(target, news);
    this.#unsaved.clear();
  }
}
