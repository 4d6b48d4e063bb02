import { Parser } from './kusto-parser.ts';
import { evaluate, KustoError, type Row, type Stage } from './kusto-stage.ts';

/**
 * Runs a query of the small subset that the product and its tests use: `<table> | where … | extend … | project … |
 * order by … | limit n | count | summarize <name> = count() by …`. Comparisons: `== != =~ !~ in in~ !in !in~ contains has startswith
 * endswith > >= < <=`, joined by `and`, `or`, `not()`; functions `tolower tostring tobool todatetime ago isempty isnotempty isnull isnotnull`.
 * https://learn.microsoft.com/azure/governance/resource-graph/concepts/query-language
 */
export function runQuery(
  query: string,
  tables: Readonly<Record<string, () => readonly Row[]>>,
  now: Date,
): readonly Row[] {
  const [source = '', ...stages] = splitStages(query);
  const table = tables[source.trim().toLowerCase()];
  if (!table) throw new KustoError(`unknown table '${source.trim()}'`);
  return stages.map((stage) => parseStage(stage, now)).reduce((rows, stage) => stage(rows), table());
}

/** Splits at `|` outside of strings. */
function splitStages(query: string): string[] {
  const withoutComments = query.replaceAll(/('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|\/\/.*$/gm, '$1');
  return (withoutComments.match(/(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^|'"])+/g) ?? []).map((stage) => stage.trim());
}

function parseStage(text: string, now: Date): Stage {
  const parser = new Parser(text, now);
  const keyword = parser.word();
  switch (keyword) {
    case 'where': {
      const condition = parser.or();
      parser.end();
      return (rows) => rows.filter((row) => condition(row) === true);
    }
    case 'extend':
    case 'project': {
      const columns = parser.columns();
      return (rows) => rows.map((row) => ({ ...(keyword === 'extend' ? row : {}), ...evaluate(columns, row) }));
    }
    case 'order':
    case 'sort':
      return parser.order();
    case 'limit':
    case 'take': {
      const count = parser.number();
      parser.end();
      return (rows) => rows.slice(0, count);
    }
    case 'summarize':
      return parser.summarize();
    case 'count':
      parser.end();
      return (rows) => [{ Count: rows.length }];
    default:
      throw new KustoError(`operator '${keyword}' is not supported`);
  }
}
