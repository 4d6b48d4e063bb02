import { connectBlobs, connectEventHubs, connectQueues, hostConnection } from './connections.ts';
import { findTrigger } from './core.ts';
import type { Binding, RegisteredFunction } from './core-module.ts';
import { parseRoute } from './http-routes.ts';
import { parseSchedule } from './ncrontab.ts';
import { type Environment, isDisabled, resolvePlaceholders } from './settings.ts';

/** A registered function as the host sees it: settings resolved, checked, maybe disabled. */
export interface HostedFunction {
  readonly registered: RegisteredFunction;
  readonly name: string;
  readonly trigger: Binding;
  /** Bindings with every `%SETTING%` replaced. */
  readonly bindings: Readonly<Record<string, Binding>>;
  readonly disabled: boolean;
  /** Why it does not run; the others do. */
  readonly error: string | undefined;
}

/** Applies the host's own checks to one function; a failed check disables that function only. */
export function hostFunction(registered: RegisteredFunction, environment: Environment): HostedFunction {
  const disabled = isDisabled(registered.name, environment);
  const base = { registered, name: registered.name, disabled };
  try {
    checkName(registered.name);
    checkTriggers(registered);
    const bindings = resolveBindings(registered.bindings, environment);
    const trigger = bindings[findTrigger(registered).name] ?? findTrigger(registered).binding;
    for (const binding of Object.values(bindings)) checkBinding(binding, environment);
    return { ...base, bindings, trigger, error: undefined };
  } catch (error) {
    const trigger = Object.values(registered.bindings).find((binding) => /trigger$/iu.test(binding.type));
    const reason = error instanceof Error ? error.message : String(error);
    return { ...base, bindings: registered.bindings, trigger: trigger ?? { type: 'none' }, error: reason };
  }
}

/** Whether it takes work from its trigger. */
export function isRunning(hosted: HostedFunction): boolean {
  return !hosted.disabled && hosted.error === undefined;
}

/** Text option of a binding, or undefined. */
export function readOption(binding: Binding, name: string): string | undefined {
  const value = binding[name];
  return typeof value === 'string' ? value : undefined;
}

/** Connection name of a storage binding. */
export function readConnection(binding: Binding): string {
  return readOption(binding, 'connection') ?? hostConnection;
}

function checkName(name: string): void {
  const valid = /^[a-z][a-z0-9_-]{0,127}$/iu.test(name) && name.toLowerCase() !== 'host';
  if (!valid) throw new Error(`'${name}' is not a valid function name.`);
}

function checkTriggers(registered: RegisteredFunction): void {
  const triggers = Object.values(registered.bindings).filter((binding) => /trigger$/iu.test(binding.type));
  if (triggers.length === 1) return;
  const found = triggers.length === 0 ? 'No trigger binding' : 'Multiple trigger bindings';
  throw new Error(`${found} specified for function '${registered.name}'. A function must have exactly one.`);
}

function resolveBindings(bindings: Readonly<Record<string, Binding>>, environment: Environment) {
  const resolved: Record<string, Binding> = {};
  for (const [name, binding] of Object.entries(bindings)) {
    const options = Object.entries(binding).map(([option, value]) => [
      option,
      typeof value === 'string' ? resolvePlaceholders(value, environment) : value,
    ]);
    resolved[name] = { ...binding, ...Object.fromEntries(options) };
  }
  return resolved;
}

function checkBinding(binding: Binding, environment: Environment): void {
  switch (binding.type.toLowerCase()) {
    case 'queuetrigger':
    case 'queue': {
      const queueName = readOption(binding, 'queueName') ?? '';
      if (!/^(?=.{3,63}$)[a-z0-9]+(?:-[a-z0-9]+)*$/u.test(queueName)) {
        throw new Error(`'${queueName}' is not a valid queue name.`);
      }
      connectQueues(readConnection(binding), environment);
      break;
    }
    case 'timertrigger':
      parseSchedule(readOption(binding, 'schedule') ?? '');
      break;
    case 'httptrigger':
      parseRoute(readOption(binding, 'route') ?? '');
      break;
    case 'eventhubtrigger':
      checkEventHub(binding, environment);
      break;
    default:
  }
}

function checkEventHub(binding: Binding, environment: Environment): void {
  if ((readOption(binding, 'eventHubName') ?? '') === '') throw new Error('The Event Hub has no name.');
  connectEventHubs(readOption(binding, 'connection') ?? '', environment);
  // Checkpoints are kept in host storage.
  connectBlobs(hostConnection, environment);
}
