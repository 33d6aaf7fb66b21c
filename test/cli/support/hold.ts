import type { Hold } from "../../../src/core/model.ts";

/** A hold, as a report has it. */
export function hold(fields: Partial<Hold> = {}): Hold {
  return {
    id: "h-1",
    cause: "gate-lost",
    sweep: null,
    status: "open",
    openedAt: 0,
    asOf: 0,
    runId: "r-1",
    detail: "the gate is gone",
    count: 0,
    bytes: 0,
    sample: [],
    approvedUntil: null,
    ...fields,
  };
}
