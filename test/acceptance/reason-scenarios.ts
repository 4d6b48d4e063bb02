import type { EngineHarness, EngineHarnessOptions } from '../support/engine-harness.ts';
import { runHost } from '../support/host-delivery.ts';
import type { Scene } from './remediation-scenes.ts';

/** One way to exactly one reason code. */
export interface Scenario {
  readonly scene: Scene;
  readonly options?: EngineHarnessOptions;
  /** Default: the violation comes in, and everything runs until nothing is left. */
  readonly act?: (run: EngineHarness) => Promise<void>;
}

export async function violateAndRun(run: EngineHarness, scene: Scene, untilMs?: number): Promise<void> {
  scene.violate(run);
  await runHost(run, untilMs === undefined ? {} : { untilMs });
}

/** The settings of the scene and these; as long as nothing that was put off comes due. */
export function set(
  scene: Scene,
  environment: Readonly<Record<string, string>>,
  act: (run: EngineHarness) => Promise<void> = async (run) => {
    await violateAndRun(run, scene, 60_000);
  },
): Scenario {
  return {
    scene,
    async act(run) {
      run.setEnvironment(environment);
      await act(run);
    },
  };
}

export function refuse(run: EngineHarness, method: string, path: RegExp, status: number, times = 1): void {
  const body = { error: { code: 'Refused', message: 'refused' } };
  run.simulator.faults.add({ method, path, times, caller: 'dockwarden', effect: { kind: 'answer', status, body } });
}
