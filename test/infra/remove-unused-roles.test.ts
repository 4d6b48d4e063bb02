import { describe, expect, it } from 'vitest';
import { type Removal, removeUnusedRoles } from '../../scripts/remove-unused-roles.ts';

const SUBSCRIPTION = '/subscriptions/11111111-2222-3333-4444-555555555555';
const FIRST = `${SUBSCRIPTION}/providers/Microsoft.Authorization/roleAssignments/aaaaaaaa-0000-0000-0000-000000000001`;
const SECOND = `${SUBSCRIPTION}/providers/Microsoft.Authorization/roleAssignments/aaaaaaaa-0000-0000-0000-000000000002`;
const THIRD = `/providers/Microsoft.Management/managementGroups/mg-prod/providers/Microsoft.Authorization/roleAssignments/aaaaaaaa-0000-0000-0000-000000000003`;

/** Azure that answers with these statuses in turn, and what it was sent. */
function azure(...answers: readonly (number | Error)[]) {
  const sent: string[] = [];
  const asked: string[] = [];
  const removal: Omit<Removal, 'ids'> = {
    endpoint: 'https://management.azure.com/',
    getToken: async (scope) => {
      asked.push(scope);
      return await Promise.resolve('token-1');
    },
    send: async (url, token) => {
      const answer = answers[sent.length] ?? 500;
      sent.push(`${token} ${url}`);
      if (answer instanceof Error) throw answer;
      return await Promise.resolve({ status: answer });
    },
  };
  return { removal, sent, asked };
}

describe('roles that the settings call for no longer', () => {
  it('are deleted, wherever they are; one that was never there is no failure', async () => {
    const { removal, sent, asked } = azure(200, 204, 200);

    const removed = await removeUnusedRoles({ ...removal, ids: JSON.stringify([[FIRST, SECOND], [], [THIRD]]) });

    expect(removed).toEqual({ deleted: [FIRST, THIRD], failed: [] });
    expect(asked).toEqual(['https://management.azure.com/.default']);
    expect(sent).toEqual(
      [FIRST, SECOND, THIRD].map((id) => `token-1 https://management.azure.com${id}?api-version=2022-04-01`),
    );
  });

  it('are reported where Azure refuses, and the next one is tried all the same', async () => {
    const { removal } = azure(403, new Error('no connection'), 200);

    const removed = await removeUnusedRoles({ ...removal, ids: JSON.stringify([FIRST, SECOND, THIRD]) });

    expect(removed).toEqual({
      deleted: [THIRD],
      failed: [
        { id: FIRST, why: 'Azure answered 403' },
        { id: SECOND, why: 'no connection' },
      ],
    });
  });

  it('need no token while there are none', async () => {
    const { removal, asked } = azure();

    expect(await removeUnusedRoles({ ...removal, ids: '[]' })).toEqual({ deleted: [], failed: [] });
    expect(asked).toEqual([]);
  });

  it.each([
    ['no JSON', ''],
    ['no list', '{}'],
    ['a number', '[1]'],
    ['lists in lists of lists', JSON.stringify([[[FIRST]]])],
    ['another resource', JSON.stringify([FIRST, `${SUBSCRIPTION}/resourceGroups/rg-dockwarden`])],
    ['a way out', JSON.stringify([`${FIRST}/../../../../resourceGroups/rg`])],
    ['another host', JSON.stringify([`.contoso.com${FIRST}`])],
  ])('are left alone when the list holds something else: %s', async (_name, ids) => {
    const { removal, sent, asked } = azure(200, 200);

    await expect(removeUnusedRoles({ ...removal, ids })).rejects.toThrow('AZURE_UNUSED_ROLE_ASSIGNMENT_IDS');
    expect([...sent, ...asked]).toEqual([]);
  });

  it.each(['', 'http://management.azure.com', 'management.azure.com'])(
    'are left alone while it is not known where Azure is: %s',
    async (endpoint) => {
      const { removal, asked } = azure(200);

      await expect(removeUnusedRoles({ ...removal, endpoint, ids: JSON.stringify([FIRST]) })).rejects.toThrow(
        'AZURE_RESOURCE_MANAGER',
      );
      expect(asked).toEqual([]);
    },
  );
});
