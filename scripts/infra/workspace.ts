import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { isJsonObject, type JsonObject } from '../../local/azure/json.ts';
import type { Bicep, BicepRun } from './bicep.ts';
import { textAt } from './resources.ts';

/** Where sample deployments go: made up, and the same in every run, so that predicted names and ids are the same too. */
const SAMPLE_TARGET = {
  tenantId: '99999999-0000-4000-8000-000000000001',
  subscriptionId: '99999999-0000-4000-8000-000000000002',
  managementGroupId: 'mg-sample',
  location: 'westeurope',
} as const;

/** What the compiler reads besides `infra/`. */
const BESIDES = ['bicepconfig.json', 'package.json', 'host.json'];

/** Where compiled files go: beside their sources they could overwrite what other sources read. */
const TEMPLATES = 'templates';
const PARAMETERS = 'parameters';

/** A copy of the project's templates: several commands of the compiler write beside what they read. */
export interface Workspace {
  /** Paths of all `.bicep` files, relative to the project, sorted. */
  readonly modules: readonly string[];
  /** The same of all `.bicepparam` files. */
  readonly parameterFiles: readonly string[];
  /** Compiles all modules, and returns errors and warnings; paths are relative to the project. Comes before everything that looks at templates. */
  build(): Promise<readonly string[]>;
  /** The same of the linter. */
  lint(): Promise<readonly string[]>;
  /** Compiles all parameter files, and returns errors and warnings. */
  buildParameters(): Promise<readonly string[]>;
  /** Files that somebody who compiles a template beside its source would overwrite. */
  findOverwritten(): readonly string[];
  /** Files that `bicep format` would change. */
  findUnformatted(): Promise<readonly string[]>;
  /** A compiled template. Throws when it was not compiled. */
  readTemplate(module: string): JsonObject;
  /** Parameters of a compiled file, each as `{ value }`. */
  readParameters(parameterFile: string): Promise<JsonObject>;
  /** What a deployment with these parameters would bring up. Rejects, with what was printed, when the compiler finds anything wrong. */
  predict(parameterFile: string): Promise<JsonObject>;
  /** The same for parameters that no file of the project holds; the text of a `.bicepparam` in `infra/samples/`. */
  predictText(text: string): Promise<JsonObject>;
  readText(path: string): Promise<string>;
  remove(): Promise<void>;
}

/** Copies the templates of a project. */
export async function createWorkspace(project: string, bicep: Bicep): Promise<Workspace> {
  const folder = await mkdtemp(join(tmpdir(), 'dockwarden-infra-'));
  await cp(join(project, 'infra'), join(folder, 'infra'), { recursive: true });
  for (const name of BESIDES) await copyIfThere(join(project, name), join(folder, name));
  const files = (await readdir(join(folder, 'infra'), { recursive: true }))
    .map((path) => `infra/${path.replaceAll('\\', '/')}`)
    .toSorted();
  const modules = files.filter((path) => path.endsWith('.bicep'));
  let written = 0;

  const readText = async (path: string): Promise<string> => await readFile(join(folder, path), 'utf8');
  const templates = new Map<string, JsonObject>();

  async function build(): Promise<readonly string[]> {
    const problems = readDiagnostics(
      await bicep.run(folder, 'build', '--pattern', 'infra/**/*.bicep', '--outdir', TEMPLATES),
      folder,
    );
    for (const module of modules) {
      const path = module.replace(/^infra\//, `${TEMPLATES}/`).replace(/\.bicep$/, '.json');
      const text = await readText(path).catch(() => undefined);
      if (text !== undefined) templates.set(module, parseObject(text, module));
    }
    return problems;
  }

  function readTemplate(module: string): JsonObject {
    const template = templates.get(module);
    if (template === undefined) throw new Error(`${module} was not compiled, or is not there`);
    return template;
  }

  async function predict(parameterFile: string): Promise<JsonObject> {
    const template = readTemplate(findUsed(parameterFile, await readText(parameterFile)));
    const ran = await bicep.run(folder, 'snapshot', parameterFile, ...targetOf(template));
    const problems = readDiagnostics(ran, folder);
    if (problems.length > 0) throw new Error(problems.join('\n'));
    const name = parameterFile.replace(/\.bicepparam$/, '.snapshot.json');
    const snapshot = parseObject(await readText(name), name);
    const { diagnostics } = snapshot;
    if (!Array.isArray(diagnostics) || diagnostics.length > 0) throw new Error(JSON.stringify(diagnostics));
    return snapshot;
  }

  return {
    modules,
    parameterFiles: files.filter((path) => path.endsWith('.bicepparam')),
    build,
    lint: async () => readDiagnostics(await bicep.run(folder, 'lint', '--pattern', 'infra/**/*.bicep'), folder),
    async buildParameters() {
      const args = ['build-params', '--pattern', 'infra/**/*.bicepparam', '--outdir', PARAMETERS];
      return readDiagnostics(await bicep.run(folder, ...args), folder);
    },
    findOverwritten: () => listOverwritten(files),
    async findUnformatted() {
      const before = await Promise.all(modules.map(readText));
      const problems = readDiagnostics(await bicep.run(folder, 'format', '--pattern', 'infra/**/*.bicep'), folder);
      const after = await Promise.all(modules.map(readText));
      return [...problems, ...modules.filter((_module, index) => before[index] !== after[index])];
    },
    readTemplate,
    async readParameters(parameterFile) {
      const path = parameterFile.replace(/^infra\//, `${PARAMETERS}/`).replace(/\.bicepparam$/, '.json');
      const parameters = parseObject(await readText(path), parameterFile)['parameters'];
      if (!isJsonObject(parameters)) throw new Error(`${parameterFile} gives no parameters`);
      return parameters;
    },
    predict,
    async predictText(text) {
      written += 1;
      const path = `infra/samples/made-${written}.bicepparam`;
      await writeFile(join(folder, path), text);
      return await predict(path);
    },
    readText,
    remove: async () => await rm(folder, { recursive: true, force: true }),
  };
}

/** Everything that the compiler has said against its input: one line each. A run that fails in silence is a problem, too. */
export function readDiagnostics({ exitCode, stderr }: Pick<BicepRun, 'exitCode' | 'stderr'>, folder: string): string[] {
  const lines = stderr
    .split('\n')
    .map((line) => line.replaceAll(`${folder}/`, '').trim())
    // Where in the compiler it happened helps nobody here.
    .filter((line) => line !== '' && !/^(?:at (?:Bicep|System)\.|--- End of stack trace)/.test(line));
  if (lines.length > 0 || exitCode === 0) return [...new Set(lines)];
  return [`bicep ended with exit code ${exitCode}`];
}

/** Of these paths those that `bicep build` or `bicep build-params` would write to. */
export function listOverwritten(files: readonly string[]): readonly string[] {
  const written = new Set(
    files.filter((path) => /\.bicep(?:param)?$/.test(path)).map((path) => path.replace(/\.\w+$/, '.json')),
  );
  return files.filter((path) => written.has(path));
}

/** Options of `bicep snapshot` by where a template is deployed. */
function targetOf(template: JsonObject): readonly string[] {
  const { tenantId, subscriptionId, managementGroupId, location } = SAMPLE_TARGET;
  const schema = textAt(template, '$schema');
  const tenant = ['--tenant-id', tenantId, '--location', location];
  if (schema.includes('managementGroupDeploymentTemplate')) {
    return [...tenant, '--management-group-id', managementGroupId];
  }
  const subscription = [...tenant, '--subscription-id', subscriptionId];
  if (schema.includes('subscriptionDeploymentTemplate')) return subscription;
  return [...subscription, '--resource-group', 'rg-sample'];
}

/** The module that a parameter file is for, relative to the project. */
export function findUsed(parameterFile: string, text: string): string {
  const used = /^using\s+'(?<path>[^']+)'/m.exec(text)?.groups?.['path'];
  if (used === undefined) throw new Error(`${parameterFile} does not say which template it is for`);
  return new URL(used, `file:///${dirname(parameterFile)}/`).pathname.slice(1);
}

function parseObject(text: string, name: string): JsonObject {
  const value: unknown = JSON.parse(text);
  if (!isJsonObject(value)) throw new Error(`${name} is not an object`);
  return value;
}

async function copyIfThere(from: string, to: string): Promise<void> {
  await cp(from, to).catch((error: unknown) => {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  });
}
