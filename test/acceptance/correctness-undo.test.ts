import { afterEach, describe, expect, it } from 'vitest';
import type { RawResource } from '../../local/azure/resource-store.ts';
import { AzureCalls } from '../../src/engine/azure-calls.ts';
import { remediations } from '../../src/remediations/catalogue.ts';
import type { TouchedValues } from '../../src/remediations/define-remediation.ts';
import { parseResourceId } from '../../src/resources/resource-id.ts';
import type { EngineHarness } from '../support/engine-harness.ts';
import { runsOf } from './c10-guarantees.ts';
import { changedByUs } from './changed-paths.ts';
import { addRequiredTags, disableAdminUser, type Scene, startScene } from './remediation-scenes.ts';

let engine: EngineHarness;

afterEach(async () => {
  await engine.stop();
});

/** Takes back the last run as it is recorded, through the real operations. */
async function undo(scene: Scene): Promise<void> {
  const remediation = remediations.find(({ id }) => id === scene.remediationId);
  const record = runsOf(engine).at(-1)?.record;
  const target = parseResourceId(scene.resourceId);
  const ops = new AzureCalls(engine.context(), target).bind(remediation?.uses ?? {}, { writes: 'send' });
  const [before, after]: readonly TouchedValues[] = [record?.before, record?.after].map((text) =>
    JSON.parse(text ?? '{}'),
  );
  await remediation?.undo?.({ target, ops, before: before ?? {}, after: after ?? {} });
}

/** What differs from before, but for what the service owns; passwords are part of no body, and the old ones are gone for good. */
function differences(before: RawResource | undefined): readonly string[] {
  return changedByUs(before, engine.simulator.state.get(before?.id ?? ''));
}

async function violateAndFix(scene: Scene): Promise<RawResource | undefined> {
  engine = await startScene(scene);
  scene.violate(engine);
  const before = engine.simulator.state.get(scene.resourceId);
  await engine.settle();
  expect(scene.isFixed(engine)).toBe(true);
  return before;
}

describe.each([disableAdminUser, addRequiredTags])('$remediationId', (scene) => {
  it.each([200, 'async'] as const)('fix and undo leave the body as it was (writes answered %s)', async (mode) => {
    const before = await violateAndFix(scene);
    expect(differences(before)).not.toEqual([]);
    engine.simulator.operations.rules.push({ mode, polls: 0 });

    await undo(scene);
    engine.simulator.operations.finishAll();

    expect(differences(before)).toEqual([]);
  });

  it('a second undo changes nothing', async () => {
    const before = await violateAndFix(scene);

    await undo(scene);
    await undo(scene);

    expect(differences(before)).toEqual([]);
  });

  it('undo leaves alone what others have changed since', async () => {
    await violateAndFix(scene);
    const tags = { ...engine.simulator.state.get(scene.resourceId)?.tags, project: 'apollo' };
    engine.simulator.state.patch(scene.resourceId, { tags });
    const changed = engine.simulator.state.get(scene.resourceId);

    await undo(scene);

    expect(engine.simulator.state.get(scene.resourceId)?.tags).toMatchObject({ project: 'apollo' });
    const touched = Object.keys(JSON.parse(runsOf(engine)[0]?.record.after ?? '{}'));
    expect(touched).toEqual(expect.arrayContaining([...differences(changed)]));
  });
});

describe('tags', () => {
  it('undo removes only what was added and nobody has changed', async () => {
    await violateAndFix(addRequiredTags);
    engine.simulator.state.patch(addRequiredTags.resourceId, { tags: { owner: 'team-blue' } });

    await undo(addRequiredTags);

    expect(engine.simulator.state.get(addRequiredTags.resourceId)?.tags).toEqual({ env: 'prod', owner: 'team-blue' });
  });

  it('undo is no error when somebody has removed them already', async () => {
    await violateAndFix(addRequiredTags);
    engine.simulator.state.patch(addRequiredTags.resourceId, { tags: { owner: null, costCenter: null } });

    await undo(addRequiredTags);

    expect(engine.simulator.state.get(addRequiredTags.resourceId)?.tags).toEqual({ env: 'prod' });
  });
});

describe('a registry', () => {
  it('gets its admin user back, but never the old passwords', async () => {
    engine = await startScene(disableAdminUser);
    disableAdminUser.violate(engine);
    engine.simulator.as('operator').post(`${disableAdminUser.resourceId}/listCredentials`);
    const old = engine.simulator.state.passwordsOf(disableAdminUser.resourceId);
    await engine.settle();

    await undo(disableAdminUser);

    const { password, password2 } = engine.simulator.state.passwordsOf(disableAdminUser.resourceId) ?? {};
    expect([password, password2]).not.toContain(old?.['password']);
    expect([password, password2]).not.toContain(old?.['password2']);
    expect(engine.simulator.state.get(disableAdminUser.resourceId)?.properties?.['adminUserEnabled']).toBe(true);
  });
});
