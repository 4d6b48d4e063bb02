import { connectQueues } from './connections.ts';
import type { InvocationResponse } from './core-module.ts';
import { type HostedFunction, readConnection, readOption } from './hosted-function.ts';
import type { Log } from './log.ts';
import { encodeMessage } from './queue-message.ts';
import type { Environment } from './settings.ts';
import { fromTypedData } from './typed-data.ts';

export interface OutputOptions {
  readonly environment: Environment;
  readonly messageEncoding: 'base64' | 'none';
  readonly log: Log;
}

/** Writes what a function has set on its output bindings. Queues are written; any other kind is only reported. */
export async function writeOutputs(
  options: OutputOptions,
  hosted: HostedFunction,
  response: InvocationResponse,
): Promise<void> {
  const returned = response.returnValue ?? undefined;
  const outputs = [
    ...(response.outputData ?? []),
    ...(returned === undefined ? [] : [{ name: '$return', data: returned }]),
  ];
  for (const { name, data } of outputs) {
    const binding = hosted.bindings[name];
    const value = fromTypedData(data);
    if (binding === undefined || binding.direction !== 'out' || value === undefined) continue;
    if (binding.type === 'http') continue;
    if (binding.type !== 'queue') {
      const text = JSON.stringify(value).slice(0, 200);
      options.log(
        'Warning',
        `Function.${hosted.name}`,
        `Output binding ${binding.type} '${name}' is not written here: ${text}`,
      );
      continue;
    }
    const queues = connectQueues(readConnection(binding), options.environment);
    const queue = queues.getQueueClient(readOption(binding, 'queueName') ?? '');
    await queue.createIfNotExists();
    for (const item of Array.isArray(value) ? value : [value]) {
      const text = typeof item === 'string' ? item : JSON.stringify(item);
      await queue.sendMessage(encodeMessage(text, options.messageEncoding));
    }
  }
}
