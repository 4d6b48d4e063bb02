import * as z from 'zod';
import { lenient } from '../resources/lenient.ts';

/** Parts of Redmine's answers that are used; whatever else it says is ignored. */
export const Status = z.object({ id: z.int(), name: z.string(), is_closed: lenient(z.boolean()) });
export type Status = z.infer<typeof Status>;

export const Statuses = z.object({ issue_statuses: z.array(Status) });

export const Priorities = z.object({
  issue_priorities: z.array(z.object({ id: z.int(), is_default: lenient(z.boolean()), active: lenient(z.boolean()) })),
});

export const Project = z.object({
  project: z.object({ id: z.int(), trackers: lenient(z.array(z.object({ id: z.int(), name: z.string() }))) }),
});

export const CurrentUser = z.object({ user: z.object({ id: z.int() }) });

const time = z.iso.datetime({ offset: true }).transform((text) => new Date(text));

export const Issue = z.object({
  id: z.int(),
  project: z.object({ id: z.int() }),
  status: Status,
  subject: z.string(),
  description: lenient(z.string()),
  custom_fields: lenient(z.array(z.object({ id: z.int(), value: lenient(z.unknown()) }))),
  updated_on: time,
  closed_on: lenient(time),
  /** Since 5.0: what this user may set the status to. */
  allowed_statuses: lenient(z.array(Status)),
  relations: lenient(z.array(z.object({ issue_id: z.int(), relation_type: z.string() }))),
  journals: lenient(z.array(z.object({ notes: lenient(z.string()) }))),
});
export type Issue = z.infer<typeof Issue>;

export const OneIssue = z.object({ issue: Issue });
export const IssueList = z.object({ issues: z.array(Issue) });
