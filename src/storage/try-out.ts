import type { DeleteOutcome, Trial } from "../core/ports.ts";

/** A store's own ways to the probe. What they throw is why the store refused. */
export interface ProbeCalls {
  put(): Promise<void>;
  /** Whether it is there. */
  head(): Promise<boolean>;
  delete(): Promise<void>;
}

/** What every store's `tryOut` does: one call after the other, the delete also where the look-up was refused. */
export async function tryOut({ put, head, delete: take }: ProbeCalls): Promise<Trial> {
  const refusedPut = await whyNot(put);
  if (refusedPut !== null) return { put: refusedPut, head: NOT_TRIED, delete: NOT_TRIED };
  const refusedHead = await whyNot(async () => {
    if (!(await head())) throw new Error("it was put, and is not found");
  });
  return { put: null, head: refusedHead, delete: await whyNot(take) };
}

/** The outcome of the probe's delete, as {@link ProbeCalls.delete} has to tell it. */
export function throwRefused(outcome: DeleteOutcome | undefined): void {
  if (outcome?.outcome !== "gone") throw new Error(outcome?.error ?? "no answer");
}

const NOT_TRIED = "not tried, as there is nothing to try it on";

async function whyNot(call: () => Promise<unknown>): Promise<string | null> {
  try {
    await call();
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
