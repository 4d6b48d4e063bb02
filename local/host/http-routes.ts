/** A parsed route template. */
export interface Route {
  /** Parameters of a path (percent-encoded, without query), or undefined when the route does not match. */
  match(path: string): Record<string, string> | undefined;
  /** Routes with literal text win over those with parameters: lower sorts first. */
  readonly precedence: string;
}

const constraints: Readonly<Record<string, string>> = {
  int: String.raw`-?\d+`,
  long: String.raw`-?\d+`,
  guid: '[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}',
  alpha: '[A-Za-z]+',
  bool: '(?:[Tt]rue|[Ff]alse)',
};

interface Parameter {
  readonly name: string;
  readonly pattern: string;
  readonly optional: boolean;
}

/** Parses ASP.NET route templates as HTTP triggers use them: `{id}`, `{id:int}`, `{id?}`, `{*rest}`. */
export function parseRoute(template: string): Route {
  const names: string[] = [];
  const precedence: string[] = [];
  let pattern = '';
  for (const segment of template.split('/').filter((text) => text !== '')) {
    const parsed = parseSegment(segment);
    names.push(...parsed.names);
    precedence.push(parsed.rank);
    pattern += parsed.pattern;
  }
  const expression = new RegExp(`^${pattern}/?$`, 'iu');
  return {
    precedence: precedence.join(''),
    match(path) {
      const found = expression.exec(path);
      if (found === null) return undefined;
      const parameters: Record<string, string> = {};
      for (const [index, name] of names.entries()) {
        const value = found[index + 1];
        if (value !== undefined) parameters[name] = decodeSegment(value);
      }
      return parameters;
    },
  };
}

interface Segment {
  readonly pattern: string;
  readonly names: readonly string[];
  /** 0 literal, 1 mixed, 2 constrained parameter, 3 parameter, 4 catch-all. */
  readonly rank: string;
}

function parseSegment(segment: string): Segment {
  const catchAll = /^\{\*{1,2}(?<name>[^:}?]+)[^}]*\}$/u.exec(segment)?.groups?.['name'];
  if (catchAll !== undefined) return { pattern: '(?:/(.*))?', names: [catchAll], rank: '4' };
  const whole = /^\{(?<inner>[^{}]+)\}$/u.exec(segment)?.groups?.['inner'];
  if (whole !== undefined) {
    const { name, pattern, optional } = parseParameter(whole);
    const captured = `/(${pattern})`;
    return { pattern: optional ? `(?:${captured})?` : captured, names: [name], rank: pattern === '[^/]+' ? '3' : '2' };
  }
  const names: string[] = [];
  // Text and parameters in one segment, such as `{file}.json`: odd pieces are the parameters.
  const pieces = segment.split(/\{(?<inner>[^{}]+)\}/u).map((piece, index) => {
    if (index % 2 === 0) return piece.replace(/[\\^$.*+?()[\]{}|]/gu, String.raw`\$&`);
    const parameter = parseParameter(piece);
    names.push(parameter.name);
    return `(${parameter.pattern})`;
  });
  return { pattern: `/${pieces.join('')}`, names, rank: names.length === 0 ? '0' : '1' };
}

function parseParameter(inner: string): Parameter {
  const optional = inner.endsWith('?');
  const [name = '', ...wanted] = (optional ? inner.slice(0, -1) : inner).split(':');
  if (wanted.length > 1) throw new Error(`Route parameter '${inner}': only one constraint is supported here.`);
  const [constraint] = wanted;
  if (constraint === undefined) return { name, pattern: '[^/]+', optional };
  const pattern = constraints[constraint];
  if (pattern === undefined) throw new Error(`Route parameter '${inner}': the constraint is not supported here.`);
  return { name, pattern, optional };
}

/** ASP.NET leaves an encoded slash encoded, so that it cannot be taken for a separator. */
function decodeSegment(text: string): string {
  return text
    .split(/(?<slash>%2f)/iu)
    .reduce((all, part) => all + (/^%2f$/iu.test(part) ? part : decodeURIComponent(part)), '');
}
