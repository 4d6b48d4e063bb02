import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Deployed, startDeployed } from './deployed-harness.ts';

let deployed: Deployed;
beforeAll(async () => {
  deployed = await startDeployed();
});
afterAll(async () => {
  await deployed.stop();
});

describe('a healthy set-up', () => {
  it('leads to no finding at all', async () => {
    const report = await deployed.check(undefined);

    expect(report.findings).toEqual([]);
    expect(report.summary).toEqual({ error: 0, warning: 0, info: 0 });
    expect(report.checks.length).toBeGreaterThan(10);
  });

  it('leads to none while everything only observes, if the roles are those for that', async () => {
    const report = await deployed.check(undefined, {
      settings: { DOCKWARDEN_MODE: 'observe' },
      isRedeployed: true,
    });

    expect(report.findings).toEqual([]);
  });
});
