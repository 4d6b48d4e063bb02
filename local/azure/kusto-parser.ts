import type { Json } from './json.ts';
import { type Expression, evaluate, KustoError, type Stage } from './kusto-stage.ts';
import { COMPARISONS, compare, FUNCTIONS, parseNumber, readMember, toFolded, toPlain } from './kusto-values.ts';

const TOKEN =
  /\s*(?:('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|(!in~|in~|!in\b|=~|!~|==|!=|>=|<=|[()[\],=<>.])|(\d+(?:\.\d+)?(?:ms|[dhms])?\b)|([A-Za-z_$][\w$]*))/y;

/** Reads one stage of a query, token by token. */
export class Parser {
  readonly #tokens: string[] = [];
  readonly #now: Date;
  #at = 0;

  constructor(text: string, now: Date) {
    this.#now = now;
    TOKEN.lastIndex = 0;
    const source = text.trimEnd();
    while (TOKEN.lastIndex < source.length) {
      const start = TOKEN.lastIndex;
      const match = TOKEN.exec(source);
      if (!match) throw new KustoError(`syntax error near '${source.slice(start, start + 20)}'`);
      this.#tokens.push(match[0].trim());
    }
  }

  word(): string {
    return this.#next().toLowerCase();
  }

  number(): number {
    const value = Number(this.#next());
    if (!Number.isInteger(value)) throw new KustoError('a whole number is expected');
    return value;
  }

  end(): void {
    if (this.#at < this.#tokens.length) throw new KustoError(`unexpected '${this.#peek()}'`);
  }

  columns(): (readonly [string, Expression])[] {
    const columns: (readonly [string, Expression])[] = [];
    do {
      const start = this.#at;
      const first = this.#next();
      if (this.#take('=')) {
        columns.push([first, this.#operand()]);
      } else {
        this.#at = start;
        const expression = this.#operand();
        columns.push([this.#tokens.slice(start, this.#at).join('').replaceAll('.', '_'), expression]);
      }
    } while (this.#take(','));
    this.end();
    return columns;
  }

  order(): Stage {
    if (this.word() !== 'by') throw new KustoError("'by' is expected");
    const keys: { expression: Expression; sign: number }[] = [];
    do {
      const expression = this.#operand();
      // Kusto sorts descending unless told otherwise.
      const sign = this.#take('asc') ? 1 : -1;
      if (sign === -1) this.#take('desc');
      keys.push({ expression, sign });
    } while (this.#take(','));
    this.end();
    return (rows) =>
      rows.toSorted((a, b) => {
        for (const { expression, sign } of keys) {
          const order = compare(expression(a), expression(b));
          if (order !== 0) return order * sign;
        }
        return 0;
      });
  }

  /** Rows in groups, each with how many there are: `<name> = count() by <column>, …`. Groups are in the order in which they are met. */
  summarize(): Stage {
    const name = this.#next();
    for (const token of ['=', 'count', '(', ')', 'by']) this.#expect(token);
    const columns = this.columns();
    return (rows) => {
      const groups = Map.groupBy(
        rows.map((row) => evaluate(columns, row)),
        (group) => JSON.stringify(group),
      );
      return [...groups.values()].map((group) => ({ ...group[0], [name]: group.length }));
    };
  }

  or(): Expression {
    const first = this.#and();
    if (!this.#take('or')) return first;
    const rest = this.or();
    return (row) => first(row) === true || rest(row) === true;
  }

  #and(): Expression {
    const first = this.#unary();
    if (!this.#take('and')) return first;
    const rest = this.#and();
    return (row) => first(row) === true && rest(row) === true;
  }

  #unary(): Expression {
    const isNegated = this.#take('not');
    if (isNegated || this.#peek() === '(') {
      this.#expect('(');
      const inner = this.or();
      this.#expect(')');
      return isNegated ? (row) => inner(row) !== true : inner;
    }
    const left = this.#operand();
    const operator = this.#peek()?.toLowerCase() ?? '';
    if (/^!?in~?$/.test(operator)) return this.#membership(left);
    const test = COMPARISONS[operator];
    if (!test) return left;
    this.#next();
    const right = this.#operand();
    return (row) => test(left(row), right(row));
  }

  #membership(left: Expression): Expression {
    const operator = this.#next().toLowerCase();
    const fold = operator.endsWith('~') ? toFolded : toPlain;
    const list: Expression[] = [];
    this.#expect('(');
    do list.push(this.#operand());
    while (this.#take(','));
    this.#expect(')');
    return (row) => list.some((entry) => fold(entry(row)) === fold(left(row))) !== operator.startsWith('!');
  }

  #operand(): Expression {
    const token = this.#next();
    if (/^['"]/.test(token)) {
      const text = token.slice(1, -1).replaceAll(/\\(.)/g, '$1');
      return () => text;
    }
    if (/^\d/.test(token)) return () => parseNumber(token);
    if (token === 'true' || token === 'false') return () => token === 'true';
    if (!/^[A-Za-z_$]/.test(token)) throw new KustoError(`unexpected '${token}'`);
    if (this.#take('(')) {
      const apply = FUNCTIONS[token.toLowerCase()];
      if (!apply) throw new KustoError(`function '${token}' is not supported`);
      const argument = this.#operand();
      this.#expect(')');
      return (row) => apply(argument(row), this.#now);
    }
    return this.#path(token);
  }

  #path(first: string): Expression {
    const names = [first];
    for (;;) {
      if (this.#take('.')) names.push(this.#next());
      else if (this.#take('[')) {
        names.push(this.#next().replaceAll(/^['"]|['"]$/g, ''));
        this.#expect(']');
      } else break;
    }
    return (row) => names.reduce<Json | undefined>(readMember, row);
  }

  #peek(): string | undefined {
    return this.#tokens[this.#at];
  }

  #next(): string {
    const token = this.#tokens[this.#at];
    if (token === undefined) throw new KustoError('unexpected end of the query');
    this.#at += 1;
    return token;
  }

  #take(token: string): boolean {
    if (this.#peek()?.toLowerCase() !== token) return false;
    this.#at += 1;
    return true;
  }

  #expect(token: string): void {
    if (!this.#take(token)) throw new KustoError(`'${token}' is expected`);
  }
}
