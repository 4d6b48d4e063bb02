import * as z from 'zod';
import { lenient, lenientObject } from './lenient.ts';

const count = () => lenient(z.number().int().min(1).max(366));

/**
 * `maintenanceConfigurations/aksManagedNodeOSUpgradeSchedule`: when AKS may replace nodes. `schedule` holds one of the four forms; dates are
 * `yyyy-MM-dd` and inclusive, `startTime` is `HH:mm`, `utcOffset` `+HH:mm` or `-HH:mm`.
 */
export const NodeOsMaintenance = z.object({
  properties: lenientObject({
    maintenanceWindow: lenientObject({
      schedule: lenientObject({
        daily: z.object({ intervalDays: count() }).optional().catch(undefined),
        weekly: z
          .object({ intervalWeeks: count(), dayOfWeek: lenient(z.string()) })
          .optional()
          .catch(undefined),
        absoluteMonthly: z.object({ intervalMonths: count(), dayOfMonth: count() }).optional().catch(undefined),
        relativeMonthly: z
          .object({ intervalMonths: count(), weekIndex: lenient(z.string()), dayOfWeek: lenient(z.string()) })
          .optional()
          .catch(undefined),
      }),
      durationHours: lenient(z.number().min(0).max(48)),
      utcOffset: lenient(z.string()),
      startDate: lenient(z.string()),
      startTime: lenient(z.string()),
      notAllowedDates: z.array(lenientObject({ start: lenient(z.string()), end: lenient(z.string()) })).catch([]),
    }),
  }),
});
export type NodeOsMaintenance = z.infer<typeof NodeOsMaintenance>;
