import { parseSync } from 'oxc-parser';

export interface Layer {
  /** Folders (or single files) of src that this one may import; itself always. */
  readonly from: readonly string[];
  /** Packages that it may import; `*` at the end stands for anything. */
  readonly packages: readonly string[];
}

const anything: Layer = { from: ['*'], packages: ['*'] };
/** What an adaptor of a port to Table Storage needs; rows are parsed as they come in. */
const tables = ['@azure/data-tables', 'zod'];

/**
 * Who may import whom inside src, and which packages. Direction: resources ← policy ← remediations ← engine ← functions.
 * A policy never knows its fix. Only `azure` talks to Azure's management plane, only the adapters of the ports to storage.
 */
export const layers: Readonly<Record<string, Layer>> = {
  errors: { from: [], packages: [] },
  versioned: { from: [], packages: [] },
  // The one file outside src that is bundled.
  version: { from: ['package.json'], packages: [] },
  resources: { from: ['errors'], packages: ['zod'] },
  policy: { from: ['resources'], packages: [] },
  events: { from: ['resources', 'errors'], packages: ['zod'] },
  azure: {
    from: ['resources', 'errors'],
    packages: ['@azure/arm-*', '@azure/core-*', '@azure-rest/core-client', '@azure/identity', '@azure/keyvault-*'],
  },
  remediations: { from: ['policy', 'azure', 'resources'], packages: [] },
  settings: { from: ['policy', 'errors'], packages: ['node:crypto', 'croner', 'fastest-levenshtein'] },
  storage: {
    from: ['resources', 'errors'],
    packages: ['node:crypto', ...tables, '@azure/storage-*', '@azure/core-*', '@azure/identity'],
  },
  audit: { from: ['storage', 'resources', 'errors'], packages: [...tables, 'ulid'] },
  findings: { from: ['storage', 'audit', 'resources', 'versioned', 'errors'], packages: [...tables, 'node:crypto'] },
  work: {
    from: ['storage', 'events', 'resources', 'versioned', 'errors'],
    packages: [...tables, '@azure/storage-queue', 'node:util'],
  },
  guards: { from: ['storage', 'resources', 'errors'], packages: tables },
  nodes: { from: ['storage', 'resources', 'errors'], packages: tables },
  defender: { from: ['storage', 'resources', 'errors'], packages: [...tables, 'node:crypto'] },
  // Adapters of other systems: the platform's fetch.
  tickets: {
    from: ['outbound', 'storage', 'policy', 'resources', 'errors'],
    packages: [...tables, 'node:crypto'],
  },
  // Our own events: made of audit rows, sent to a topic.
  outbound: { from: ['audit', 'work', 'events', 'resources', 'errors'], packages: ['zod', '@azure/eventgrid'] },
  poison: { from: ['storage', 'resources', 'errors'], packages: ['@azure/storage-blob'] },
  // What is measured, made of audit rows too, and how it gets to Azure Monitor.
  telemetry: {
    from: ['audit', 'errors'],
    packages: ['@azure/monitor-opentelemetry-exporter', '@opentelemetry/*', '@azure/identity'],
  },
  engine: {
    from: [
      'policy',
      'remediations',
      'azure',
      'resources',
      'events',
      'settings',
      'audit',
      'findings',
      'work',
      'guards',
      'nodes',
      'defender',
      'tickets',
      'outbound',
      'poison',
      'telemetry',
      'versioned',
      'errors',
    ],
    // Hashing and comparing are pure; of Node nothing else is.
    packages: ['node:crypto', 'node:util'],
  },
  // Looks at everything that the app depends on, and changes nothing.
  health: { from: ['storage', 'guards', 'poison', 'work', 'errors'], packages: ['croner', '@azure/storage-queue'] },
  functions: {
    from: ['engine', 'health', 'events', 'settings', 'errors', 'version', 'app'],
    packages: ['@azure/functions'],
  },
  // Questions about a set-up that is deployed, asked at a command line; never part of the bundle.
  doctor: {
    from: [
      'policy',
      'remediations',
      'azure',
      'resources',
      'events',
      'settings',
      'storage',
      'guards',
      'work',
      'health',
      'errors',
    ],
    packages: ['zod'],
  },
  // Part of the composition: which adapter the settings call for.
  'ticket-systems': { from: ['tickets', 'settings', 'errors'], packages: ['@azure/identity'] },
  // Composition roots: the two places that know everything, and may read the environment.
  app: anything,
  cli: anything,
  // The entry of the bundle: registers the functions and nothing else.
  main: { from: ['functions'], packages: [] },
};

/** Path (relative to the project, with `/`) → source text. */
export type Sources = Readonly<Record<string, string>>;

export interface Import {
  readonly file: string;
  readonly specifier: string;
}

/** Every module that the sources import, re-export or load dynamically; `undefined` is a specifier that is no plain string. */
export function listImports(sources: Sources): Import[] {
  return Object.entries(sources).flatMap(([file, source]) => {
    const { module, errors } = parseSync(file, source);
    if (errors.length > 0) throw new Error(`${file} cannot be parsed: ${errors[0]?.message ?? ''}`);
    const specifiers = [
      ...module.staticImports.map((found) => found.moduleRequest.value),
      ...module.staticExports.flatMap(({ entries }) => entries.map(({ moduleRequest }) => moduleRequest?.value)),
      ...module.dynamicImports.map(({ moduleRequest }) =>
        unquote(source.slice(moduleRequest.start, moduleRequest.end)),
      ),
    ];
    return specifiers.filter((value) => value !== undefined).map((specifier) => ({ file, specifier }));
  });
}

/** What breaks the table: one sentence each. */
export function findLayerViolations(sources: Sources): string[] {
  const unknown = [...new Set(Object.keys(sources).map(layerOf))].filter((name) => layers[name] === undefined);
  return [
    ...unknown.map((name) => `src/${name} has no entry in the table of layers`),
    ...listImports(sources).flatMap(({ file, specifier }) => {
      const layer = layers[layerOf(file)];
      if (layer === undefined || isAllowed(layer, file, specifier)) return [];
      return [`${file} must not import ${specifier}`];
    }),
  ];
}

function isAllowed(layer: Layer, file: string, specifier: string): boolean {
  if (!specifier.startsWith('.')) return layer.packages.some((pattern) => matches(pattern, packageOf(specifier)));
  const target = new URL(specifier, `file:///${file}`).pathname.slice(1);
  if (!target.startsWith('src/')) return layer.from.includes(target);
  const name = layerOf(target);
  return name === layerOf(file) || layer.from.some((pattern) => matches(pattern, name));
}

/** `src/policy/acr/x.ts` → `policy`, `src/errors.ts` → `errors`. */
function layerOf(file: string): string {
  return (file.split('/')[1] ?? '').replace(/\.ts$/, '');
}

/** `@azure/identity/x` → `@azure/identity`, `zod/mini` → `zod`, `node:crypto` as it is. */
function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

function matches(pattern: string, name: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name;
}

/** The text of a string literal; any other expression comes back as it is, and so is allowed nowhere but in the roots. */
function unquote(expression: string): string {
  return /^(['"`])(.*)\1$/s.exec(expression.trim())?.[2] ?? expression;
}
