/** The schedule of `Deno.cron`, which takes cron expressions alone. */
import { HOUR_MS, MINUTE_MS } from "../core/safety.ts";
import type { Schedule } from "../core/settings.ts";

/** Off the hour, when everybody's schedules run at once. */
const MINUTE = 17;

/** The hourly expression, for where no settings tell of another one. */
export const HOURLY = `${MINUTE} * * * *`;

/**
 * A schedule as a cron expression; null for an interval that none can say: one that divides neither an hour nor a day.
 * Weekdays stay names: their numbers differ between cron's dialects.
 */
export function cronExpression(schedule: Schedule): string | null {
  if (schedule.kind === "cron") return schedule.expression;
  const minutes = schedule.everyMs / MINUTE_MS;
  if (Number.isInteger(minutes) && minutes < 60 && 60 % minutes === 0) {
    return minutes === 1 ? "* * * * *" : `${MINUTE % minutes}-59/${minutes} * * * *`;
  }
  const hours = schedule.everyMs / HOUR_MS;
  if (hours === 1) return HOURLY;
  if (Number.isInteger(hours) && hours < 24 && 24 % hours === 0) return `${MINUTE} */${hours} * * *`;
  if (hours === 24) return `${MINUTE} 3 * * *`;
  return hours === 24 * 7 ? `${MINUTE} 3 * * SUN` : null;
}
