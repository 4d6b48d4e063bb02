import * as z from 'zod';
import { lenient } from '../resources/lenient.ts';

/** Parts of the answers of Azure DevOps that are used; whatever else it says is ignored. */
export const States = z.object({ value: z.array(z.object({ name: z.string(), category: z.string() })) });
export type State = z.infer<typeof States>['value'][number];

export const Connection = z.object({
  authenticatedUser: z.object({ id: z.string(), providerDisplayName: lenient(z.string()) }),
});

export const FoundIds = z.object({ workItems: z.array(z.object({ id: z.int() })) });

export const WorkItem = z.object({
  id: z.int(),
  rev: z.int(),
  fields: z.object({
    'System.TeamProject': lenient(z.string()),
    'System.WorkItemType': lenient(z.string()),
    'System.State': z.string(),
    'System.Reason': lenient(z.string()),
    'System.Title': lenient(z.string()),
    'System.Tags': lenient(z.string()),
    'System.ChangedDate': z.iso.datetime({ offset: true }).transform((text) => new Date(text)),
  }),
});
export type WorkItem = z.infer<typeof WorkItem>;

/** With `errorPolicy=omit` an item that went away meanwhile is null. */
export const WorkItems = z.object({ value: z.array(WorkItem.nullable()) });

/** What is asked for; the answer of a change holds all fields anyway. */
export const FIELDS = [
  'System.TeamProject',
  'System.WorkItemType',
  'System.State',
  'System.Reason',
  'System.Title',
  'System.Tags',
  'System.ChangedDate',
].join(',');
