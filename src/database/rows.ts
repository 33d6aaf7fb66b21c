/** Words of the vocabulary, as they come back from the own tables. */
import { SweepError } from "../core/errors.ts";
import {
  MODES,
  type Mode,
  REMOVAL_REASONS,
  REMOVAL_STATES,
  type RemovalReason,
  type RemovalState,
  RUN_STATUSES,
  type RunStatus,
  SWEEP_NAMES,
  type SweepName,
  TRIGGERS,
  type Trigger,
} from "../core/model.ts";
import type { Value } from "../core/ports.ts";
import type { Row } from "./client.ts";
import { text } from "./sql.ts";

export const toRemovalState = (value: Value): RemovalState => word(REMOVAL_STATES, value, "removal state");
export const toRemovalReason = (value: Value): RemovalReason => word(REMOVAL_REASONS, value, "reason");
export const toSweepName = (value: Value): SweepName => word(SWEEP_NAMES, value, "sweep");
export const toMode = (value: Value): Mode => word(MODES, value, "mode");
export const toTrigger = (value: Value): Trigger => word(TRIGGERS, value, "trigger");
export const toRunStatus = (value: Value): RunStatus => word(RUN_STATUSES, value, "run status");

export function word<Word extends string>(words: readonly Word[], value: Value, what: string): Word {
  const found = words.find((candidate) => candidate === value);
  if (found === undefined) throw new SweepError("corrupt", `filesweep's own tables hold an unknown ${what}`);
  return found;
}

/** A column of the own tables that this program wrote as JSON, and nobody else: trusted to have its form. */
export function parseJson<Form>(row: Row, column: string): Form {
  try {
    return JSON.parse(text(row, column)) as Form;
  } catch (error) {
    throw new SweepError("corrupt", `filesweep's own column ${column} cannot be read`, { cause: error });
  }
}
