/** Severities in the order of .NET's `LogLevel`, as host.json spells them. */
const levels = ['Trace', 'Debug', 'Information', 'Warning', 'Error', 'Critical', 'None'] as const;
export type LogLevel = (typeof levels)[number];

/** One line of the host's output; with `--json-log` exactly this object, one per line. */
export interface LogLine {
  readonly time: string;
  readonly level: LogLevel;
  /** `Host.Startup`, `Host.Listener`, `Worker`, `Function.<name>`, `Function.<name>.User` – the names Azure uses. */
  readonly category: string;
  readonly function?: string;
  readonly invocationId?: string;
  readonly message: string;
}

type LogDetail = Pick<LogLine, 'function' | 'invocationId'>;
export type Log = (level: LogLevel, category: string, message: string, detail?: LogDetail) => void;

export interface LogOptions {
  readonly json: boolean;
  /** host.json `logging.logLevel`: category prefix → least severity written; `default` for the rest. */
  readonly thresholds: Readonly<Record<string, string>>;
  readonly write: (line: string) => void;
}

export function createLog({ json, thresholds, write }: LogOptions): Log {
  return (level, category, message, detail = {}) => {
    if (levels.indexOf(level) < levels.indexOf(findThreshold(category, thresholds))) return;
    const line: LogLine = { time: new Date().toISOString(), level, category, ...detail, message };
    write(json ? JSON.stringify(line) : formatLine(line));
  };
}

/** The library writes levels in lower case (`information`); unknown ones count as information. */
export function toLogLevel(level: string): LogLevel {
  return levels.find((known) => known.toLowerCase() === level.toLowerCase()) ?? 'Information';
}

/** Text of anything thrown, with its stack when it has one. */
export function describeError(error: unknown): string {
  if (error instanceof Error) return error.stack ?? `${error.name}: ${error.message}`;
  return typeof error === 'string' ? error : JSON.stringify(error);
}

function findThreshold(category: string, thresholds: Readonly<Record<string, string>>): LogLevel {
  let best = 'default';
  for (const prefix of Object.keys(thresholds)) {
    const matches = category === prefix || category.startsWith(`${prefix}.`);
    if (matches && (best === 'default' || prefix.length > best.length)) best = prefix;
  }
  return toLogLevel(thresholds[best] ?? 'Information');
}

function formatLine(line: LogLine): string {
  const invocation = line.invocationId === undefined ? '' : ` ${line.invocationId.slice(0, 8)}`;
  const level = line.level === 'Information' ? '' : ` ${line.level.toUpperCase()}`;
  return `${line.time.slice(11, 23)}${level} [${line.category}${invocation}] ${line.message}`;
}
