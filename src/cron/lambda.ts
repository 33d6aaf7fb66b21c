/**
 * The AWS Lambda door: one handler for a schedule of EventBridge, and for HTTP by a function URL, API Gateway or a load
 * balancer. Its whole entry is
 *
 * ```ts
 * export { handler } from "filesweep/lambda";
 * ```
 */
import { handle, type LambdaContext, type LambdaEvent } from "hono/aws-lambda";
import { readSettings } from "../core/settings.ts";
import { SYSTEM_CLOCK } from "../library/compose.ts";
import { createSweeperFrom } from "../library/create-sweeper.ts";
import { environment } from "../library/environment.ts";
import { createInstance, type Instance, openSoon } from "../library/instance.ts";
import { ownNames } from "../library/process.ts";

/** What EventBridge sends, from a rule or from its scheduler. */
export interface ScheduledEvent {
  readonly source: string;
  readonly "detail-type": string;
}

/**
 * How long before its time is over a run is asked to stop, in milliseconds: a call that is under way may take its
 * time-out, and the place has to be saved after it.
 */
const STOP_BEFORE_MS = 20_000;

/**
 * Handles one event. A tick works off a slice, for as long as the function may run; where the run failed the invocation
 * fails too, after that was recorded. A request that starts a run is answered once a slice of it was worked off: nothing
 * goes on after the answer.
 * @throws SettingsError, SweepError
 */
export async function handler(event: LambdaEvent | ScheduledEvent, context: LambdaContext): Promise<unknown> {
  instance ??= createLambdaInstance();
  if (!isScheduled(event)) return handle(instance.app)(event, context);
  const leftMs = context.getRemainingTimeInMillis() - STOP_BEFORE_MS;
  await instance.tick(AbortSignal.timeout(Math.max(0, leftMs)));
  return null;
}

/** One for each instance of the function. */
let instance: Instance | null = null;

function createLambdaInstance(): Instance {
  return createInstance({
    settings: () => readSettings(environment().variables, { runtime: "node" }),
    sweeper: (settings, log) => openSoon(createSweeperFrom(settings, { clock: SYSTEM_CLOCK, log, ...ownNames() }), log),
    // biome-ignore lint/suspicious/noConsole: stdout is the function's log
    write: (line) => console.log(line.trimEnd()),
    app: { background: null },
  });
}

function isScheduled(event: LambdaEvent | ScheduledEvent): event is ScheduledEvent {
  return "source" in event && "detail-type" in event;
}
