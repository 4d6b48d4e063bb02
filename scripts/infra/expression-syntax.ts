/** Part of an expression of ARM templates. */
export type Expression =
  | { readonly kind: 'literal'; readonly value: string | number }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Expression[] }
  | { readonly kind: 'member'; readonly of: Expression; readonly key: Expression };

const TOKEN = /\s*(?:(?<text>'(?:[^']|'')*')|(?<number>-?\d+(?:\.\d+)?)|(?<name>[A-Za-z_$][\w$]*)|(?<mark>[()[\],.]))/y;

interface Token {
  readonly kind: 'text' | 'number' | 'name' | 'mark' | 'end';
  readonly text: string;
}

/** Is this text an expression? `[[` begins a text with a bracket. */
export function isExpression(text: string): boolean {
  return text.startsWith('[') && !text.startsWith('[[') && text.endsWith(']');
}

/** Parses `[…]`. Throws for what is no expression. */
export function parseExpression(text: string): Expression {
  const tokens = readTokens(text.slice(1, -1));
  let position = 0;
  const next = (): Token => tokens[position] ?? { kind: 'end', text: '' };
  const take = (mark?: string): Token => {
    const token = next();
    if (token.kind === 'end' || (mark !== undefined && token.text !== mark)) {
      throw new Error(`not an expression: ${mark ?? 'more'} expected and not ${token.text} in ${text}`);
    }
    position += 1;
    return token;
  };

  function parseArguments(): Expression[] {
    take('(');
    const args: Expression[] = [];
    while (next().text !== ')') {
      if (args.length > 0) take(',');
      args.push(parse());
    }
    take(')');
    return args;
  }

  function parseStart(): Expression {
    const token = take();
    if (token.kind === 'text') return literal(token.text.slice(1, -1).replaceAll("''", "'"));
    if (token.kind === 'number') return literal(Number(token.text));
    if (token.kind !== 'name') throw new Error(`not an expression: ${token.text} in ${text}`);
    return { kind: 'call', name: token.text, args: parseArguments() };
  }

  function parse(): Expression {
    let expression = parseStart();
    for (;;) {
      if (next().text === '.' && next().kind === 'mark') {
        take('.');
        expression = { kind: 'member', of: expression, key: literal(take().text) };
      } else if (next().text === '[' && next().kind === 'mark') {
        take('[');
        expression = { kind: 'member', of: expression, key: parse() };
        take(']');
      } else return expression;
    }
  }

  const expression = parse();
  if (next().kind !== 'end') throw new Error(`not an expression: ${next().text} is too much in ${text}`);
  return expression;
}

function literal(value: string | number): Expression {
  return { kind: 'literal', value };
}

function readTokens(text: string): readonly Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.trimEnd().length) {
    const from = TOKEN.lastIndex;
    const groups = TOKEN.exec(text)?.groups;
    if (groups === undefined) throw new Error(`not an expression: ${text.slice(from)}`);
    for (const kind of ['text', 'number', 'name', 'mark'] as const) {
      const found = groups[kind];
      if (found !== undefined) tokens.push({ kind, text: found });
    }
  }
  return tokens;
}

/** An expression as one would write it, without its brackets. */
export function printExpression(expression: Expression): string {
  switch (expression.kind) {
    case 'literal':
      return typeof expression.value === 'number'
        ? String(expression.value)
        : `'${expression.value.replaceAll("'", "''")}'`;
    case 'call':
      return `${expression.name}(${expression.args.map((arg) => printExpression(arg)).join(', ')})`;
    case 'member': {
      const { of, key } = expression;
      const isName = key.kind === 'literal' && typeof key.value === 'string';
      return `${printExpression(of)}${isName ? `.${key.value}` : `[${printExpression(key)}]`}`;
    }
  }
}
