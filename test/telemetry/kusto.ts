import '@kusto/language-service-next/bridge.min.js';
import '@kusto/language-service-next/Kusto.Language.Bridge.min.js';

/** The little that is used of Microsoft's language service, which knows every operator and function; it puts itself into a global. */
interface KustoLanguage {
  readonly Symbols: {
    readonly TableSymbol: { From(schema: string): { WithName(name: string): object } };
    readonly DatabaseSymbol: {
      readonly $ctor1: new (name: string, members: readonly object[], isOpen: boolean) => object;
    };
  };
  readonly GlobalState: { readonly Default: { WithDatabase(database: object): object } };
  readonly KustoCode: {
    ParseAndAnalyze(
      query: string,
      globals: object,
    ): { GetDiagnostics(): { readonly Count: number; getItem(index: number): { readonly Message: string } } };
  };
}

function isLoaded(value: unknown): value is { readonly Language: KustoLanguage } {
  return typeof value === 'object' && value !== null && 'Language' in value;
}

const loaded: unknown = Reflect.get(globalThis, 'Kusto');
if (!isLoaded(loaded)) throw new Error('the language service of Kusto is not where it used to be');
const { Symbols, GlobalState, KustoCode } = loaded.Language;

/** Tables of a Log Analytics workspace, with the columns that queries may name, as the reference of Azure Monitor lists them. */
const TABLES: Readonly<Record<string, string>> = {
  AppMetrics:
    'TimeGenerated: datetime, Name: string, Sum: real, ItemCount: int, Min: real, Max: real, Properties: dynamic, AppRoleName: string, _ResourceId: string',
  AppTraces:
    'TimeGenerated: datetime, Message: string, SeverityLevel: int, Properties: dynamic, OperationName: string, ItemCount: int, AppRoleName: string, _ResourceId: string',
  AppRequests:
    'TimeGenerated: datetime, Name: string, OperationName: string, ResultCode: string, Success: bool, DurationMs: real, ItemCount: int, AppRoleName: string, _ResourceId: string',
};

const globals = GlobalState.Default.WithDatabase(
  new Symbols.DatabaseSymbol.$ctor1(
    'workspace',
    Object.entries(TABLES).map(([name, columns]) => Symbols.TableSymbol.From(`(${columns})`).WithName(name)),
    false,
  ),
);

/** What the query language itself has to say: its grammar, and every name and type. */
export function analyze(query: string): string[] {
  const found = KustoCode.ParseAndAnalyze(query, globals).GetDiagnostics();
  return Array.from({ length: found.Count }, (_, index) => found.getItem(index).Message);
}
