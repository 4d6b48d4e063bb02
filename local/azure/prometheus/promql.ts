/** A query outside the subset, or none at all. The message is what Prometheus puts behind `invalid parameter "query": `. */
export class PromqlError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'PromqlError';
  }
}

/** One condition on a label. */
export interface Matcher {
  readonly label: string;
  readonly operator: '=' | '!=' | '=~' | '!~';
  readonly value: string;
}

export interface Selector {
  readonly kind: 'selector';
  readonly metric: string;
  readonly matchers: readonly Matcher[];
  readonly offsetMs: number;
  /** Milliseconds; undefined = an instant vector. */
  readonly rangeMs: number | undefined;
}

/** An expression of the subset; every one of them is an instant vector. */
export type Expression =
  | Selector
  | { readonly kind: 'over-time'; readonly pick: 'min' | 'max'; readonly selector: Selector }
  | {
      readonly kind: 'aggregate';
      readonly pick: 'min' | 'max';
      readonly by: readonly string[];
      readonly of: Expression;
    }
  | { readonly kind: 'filter'; readonly operator: string; readonly value: number; readonly of: Expression }
  | {
      readonly kind: 'and';
      readonly on: readonly string[];
      readonly left: Expression;
      readonly right: Expression;
    };

const TOKEN =
  /\s*(?:("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(\d+(?:ms|[smhdwy])(?:\d+(?:ms|[smhdwy]))*)|(\d+(?:\.\d+)?)|([A-Za-z_:][\w:]*)|(==|!=|=~|!~|>=|<=|[=<>(){}[\],]))/y;
const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  y: 31_536_000_000,
};
const COMPARISONS = ['==', '!=', '>', '<', '>=', '<='];

/**
 * Parses a query of this subset of PromQL: selectors with matchers, range and offset; `min_over_time` and `max_over_time`; `min` and `max`, also
 * `by (…)`; comparison of a vector with a number; `and on (…)`. Throws PromqlError.
 * https://prometheus.io/docs/prometheus/latest/querying/basics/
 */
export function parsePromql(query: string): Expression {
  const parser = new Parser(query);
  const expression = parser.and();
  parser.end();
  return expression;
}

class Parser {
  readonly #tokens: { readonly text: string; readonly at: number }[] = [];
  readonly #query: string;
  #next = 0;

  constructor(query: string) {
    this.#query = query;
    const source = query.trimEnd();
    if (source === '') throw new PromqlError('unknown position: parse error: no expression found in input');
    TOKEN.lastIndex = 0;
    while (TOKEN.lastIndex < source.length) {
      const at = TOKEN.lastIndex;
      const text = TOKEN.exec(source)?.[0].trim();
      if (text === undefined) throw failAt(query, at, `unexpected character: '${source.slice(at).trim().charAt(0)}'`);
      this.#tokens.push({ text, at });
    }
  }

  end(): void {
    if (this.#peek() !== '') throw this.#unexpected();
  }

  and(): Expression {
    let left = this.#comparison();
    while (this.#takeWord('and')) {
      if (!this.#takeWord('on')) throw this.#unexpected();
      const on = this.#labels();
      left = { kind: 'and', on, left, right: this.#comparison() };
    }
    return left;
  }

  #comparison(): Expression {
    let of = this.#operand();
    while (COMPARISONS.includes(this.#peek())) {
      const operator = this.#take();
      if (!/^\d+(\.\d+)?$/.test(this.#peek())) throw this.#unexpected();
      of = { kind: 'filter', operator, value: Number(this.#take()), of };
    }
    return of;
  }

  #operand(): Expression {
    if (this.#peek() === '(') {
      this.#take();
      const inner = this.and();
      this.#expect(')');
      return inner;
    }
    if (!/^[A-Za-z_:]/.test(this.#peek())) throw this.#unexpected();
    const word = this.#take();
    const next = this.#peek();
    if ((word === 'min' || word === 'max') && (next === '(' || next === 'by')) return this.#aggregate(word);
    if (next === '(') return this.#call(word);
    const selector = this.#selector(word);
    if (selector.rangeMs !== undefined) throw this.#fail('expected an instant vector, got a range vector');
    return selector;
  }

  #aggregate(pick: 'min' | 'max'): Expression {
    const before = this.#takeWord('by') ? this.#labels() : undefined;
    this.#expect('(');
    const of = this.and();
    this.#expect(')');
    const by = before ?? (this.#takeWord('by') ? this.#labels() : []);
    return { kind: 'aggregate', pick, by, of };
  }

  #call(name: string): Expression {
    if (name !== 'min_over_time' && name !== 'max_over_time') {
      throw this.#fail(`unknown function with name "${name}"`);
    }
    this.#expect('(');
    const selector = this.#selector(this.#take());
    if (selector.rangeMs === undefined) {
      throw this.#fail(`expected type range vector in call to function "${name}", got instant vector`);
    }
    this.#expect(')');
    return { kind: 'over-time', pick: name === 'min_over_time' ? 'min' : 'max', selector };
  }

  #selector(metric: string): Selector {
    const matchers: Matcher[] = [];
    if (this.#peek() === '{') {
      this.#take();
      while (this.#peek() !== '}') {
        matchers.push(this.#matcher());
        if (this.#peek() !== ',') break;
        this.#take();
      }
      this.#expect('}');
    }
    let rangeMs: number | undefined;
    if (this.#peek() === '[') {
      this.#take();
      rangeMs = this.#duration();
      this.#expect(']');
    }
    const offsetMs = this.#takeWord('offset') ? this.#duration() : 0;
    return { kind: 'selector', metric, matchers, rangeMs, offsetMs };
  }

  #matcher(): Matcher {
    const label = this.#identifier();
    const operator = this.#take();
    if (operator !== '=' && operator !== '!=' && operator !== '=~' && operator !== '!~') throw this.#back();
    const text = this.#take();
    if (!/^["']/.test(text)) throw this.#back();
    const value = text.slice(1, -1).replaceAll(/\\(.)/g, '$1');
    if (operator.endsWith('~') && !isPattern(value)) throw this.#fail(`error parsing regexp: ${value}`);
    return { label, operator, value };
  }

  #labels(): readonly string[] {
    const labels: string[] = [];
    this.#expect('(');
    while (this.#peek() !== ')') {
      labels.push(this.#identifier());
      if (this.#peek() !== ',') break;
      this.#take();
    }
    this.#expect(')');
    return labels;
  }

  #identifier(): string {
    if (!/^[A-Za-z_]\w*$/.test(this.#peek())) throw this.#unexpected();
    return this.#take();
  }

  #duration(): number {
    const parts = [...this.#peek().matchAll(/(\d+)(ms|[smhdwy])/g)];
    if (parts.length === 0) throw this.#unexpected();
    this.#take();
    const duration = parts.reduce((sum, [, count, unit = '']) => sum + Number(count) * (UNIT_MS[unit] ?? 0), 0);
    if (duration === 0) throw this.#fail('duration must be greater than 0');
    return duration;
  }

  #peek(): string {
    return this.#tokens[this.#next]?.text ?? '';
  }

  #take(): string {
    const token = this.#peek();
    if (token === '') throw this.#unexpected();
    this.#next += 1;
    return token;
  }

  #takeWord(word: string): boolean {
    if (this.#peek().toLowerCase() !== word) return false;
    this.#next += 1;
    return true;
  }

  #expect(token: string): void {
    if (this.#peek() !== token) throw this.#unexpected();
    this.#next += 1;
  }

  #back(): PromqlError {
    this.#next -= 1;
    return this.#unexpected();
  }

  #unexpected(): PromqlError {
    const token = this.#peek();
    return this.#fail(
      token === '' ? 'unexpected end of input' : `unexpected "${token.replaceAll('"', String.raw`\"`)}"`,
    );
  }

  #fail(what: string): PromqlError {
    return failAt(this.#query, this.#tokens[this.#next]?.at ?? this.#query.length, what);
  }
}

function isPattern(text: string): boolean {
  try {
    return new RegExp(text) instanceof RegExp;
  } catch {
    return false;
  }
}

/** Prometheus counts lines and columns from 1. */
function failAt(query: string, at: number, what: string): PromqlError {
  const lines = query.slice(0, at).split('\n');
  return new PromqlError(`${lines.length}:${(lines.at(-1)?.length ?? 0) + 1}: parse error: ${what}`);
}
