import type { Container } from '../../resources/kubernetes.ts';

/** The values that an option was given, in order; none = not given; `unreadable` = they cannot be told from the DaemonSet. */
export type OptionValues = readonly string[] | 'unreadable';

/** Options of kured that are switches: what follows one without `=` is not its value. */
const SWITCHES = new Set(['annotate-nodes']);

/** Reads one option of kured as kured does: a variable `KURED_<OPTION>` wins over the command line. */
export function readOption(container: Container, option: string): OptionValues {
  const name = `KURED_${option.toUpperCase().replaceAll('-', '_')}`;
  const variable = container.env.findLast((entry) => entry.name === name);
  if (variable !== undefined) {
    return isGiven(variable.valueFrom) ? 'unreadable' : withoutReferences([variable.value ?? '']);
  }
  if (container.envFrom.length > 0 || !startsKured(container)) return 'unreadable';
  return withoutReferences(listArguments([...container.command.slice(1), ...container.args], option));
}

/** Reads a switch: off unless it is known to be on. */
export function readSwitch(container: Container, option: string): boolean {
  const values = readOption(container, option);
  return values !== 'unreadable' && /^(?:1|t|T|TRUE|true|True)$/.test(values.at(-1) ?? '');
}

/** Without a command the image's own is run; a shell could be told anything. */
function startsKured({ command: [program] }: Container): boolean {
  return program === undefined || /(?:^|\/)kured$/.test(program);
}

function listArguments(words: readonly string[], option: string): readonly string[] {
  const values: string[] = [];
  for (const [index, word] of words.entries()) {
    if (word === '--') break;
    if (word.startsWith(`--${option}=`)) values.push(word.slice(option.length + 3));
    else if (word === `--${option}`) values.push(SWITCHES.has(option) ? 'true' : (words[index + 1] ?? ''));
  }
  return values;
}

/** Kubernetes puts other variables in place of `$(NAME)`. */
function withoutReferences(values: readonly string[]): OptionValues {
  return values.some((value) => value.includes('$(')) ? 'unreadable' : values;
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}
