import { type HostProcess, type StartHostOptions, startHost } from './process.ts';

/** A host that is started again when it ends by itself, as Azure replaces a lost worker process. */
export interface SupervisedHost {
  /** The same over all restarts. */
  readonly url: string;
  /** The process of the moment. */
  current(): HostProcess;
  /** Ends it for good. */
  stop(): Promise<void>;
  /** Settles when it will not be started again: after `stop`, or with the reason when it kept ending. */
  readonly finished: Promise<Error | undefined>;
}

/** A host that ends this often within the window is left alone. */
const maxRestarts = 5;
const windowMs = 60_000;

export async function superviseHost(
  options: StartHostOptions,
  onRestart: (restarted: HostProcess) => void = () => {},
): Promise<SupervisedHost> {
  let host = await startHost(options);
  const port = Number(new URL(host.url).port);
  let stopping = false;

  function isStopping(): boolean {
    return stopping;
  }

  async function watch(): Promise<Error | undefined> {
    let restarts: number[] = [];
    for (;;) {
      const exit = await host.exited;
      if (isStopping()) return undefined;
      const now = performance.now();
      restarts = [...restarts.filter((time) => now - time < windowMs), now];
      if (restarts.length > maxRestarts) {
        return new Error(
          `The host ended ${restarts.length} times within a minute (${String(exit.signal ?? exit.code)}).`,
        );
      }
      try {
        host = await startHost({ ...options, port });
      } catch (error) {
        return error instanceof Error ? error : new Error(String(error));
      }
      // Stopped while it was starting: nobody else knows this process.
      if (isStopping()) {
        await host.stop();
        return undefined;
      }
      onRestart(host);
    }
  }

  const finished = watch();
  return {
    url: host.url,
    current: () => host,
    async stop() {
      stopping = true;
      await host.stop();
      await finished;
    },
    finished,
  };
}
