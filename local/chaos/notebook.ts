import { EvaluationTally } from './evaluations.ts';
import type { WorkerNote } from './worker-messages.ts';

/** What all workers together have told, dead ones included. */
export class Notebook {
  readonly looks = new EvaluationTally();
  /** Resources whose worker found somebody else in its place. */
  readonly robbed: string[] = [];
  /** Lines of the product's log and of the queue listeners. */
  readonly log: Record<string, number> = {};
  readonly #onFailure: (what: string) => void;
  #auditRefused = 0;
  #handlerFailures = 0;
  #poisoned = 0;

  constructor(onFailure: (what: string) => void) {
    this.#onFailure = onFailure;
  }

  /** Calls of the audit table that were refused while it was down. */
  get auditRefused(): number {
    return this.#auditRefused;
  }

  /** Times that a handler threw. */
  get handlerFailures(): number {
    return this.#handlerFailures;
  }

  /** Messages that were given up. */
  get poisoned(): number {
    return this.#poisoned;
  }

  take(note: WorkerNote): void {
    switch (note.type) {
      case 'look':
        this.looks.take(note);
        break;
      case 'robbed':
        this.robbed.push(note.resource);
        break;
      case 'audit-refused':
        this.#auditRefused += note.calls;
        break;
      case 'failed':
        this.#handlerFailures += 1;
        this.#onFailure(`a handler of ${note.queue} threw: ${note.error.slice(0, 1000)}`);
        break;
      case 'logged':
        for (const [line, count] of Object.entries(note.lines)) this.#count(line, count);
        break;
      case 'ready':
      case 'left':
      case 'swept':
        break;
    }
  }

  #count(line: string, times: number): void {
    this.log[line] = (this.log[line] ?? 0) + times;
    if (line === 'error: message given up') this.#poisoned += times;
  }
}
