/**
 * Aborts multipart uploads. Beside the remover, because an abort deletes no object: not the one that stands under the
 * key, not one that an upload completed meanwhile has made. It is given nothing that could delete one, and needs no
 * ledger: an upload that was aborted, or whose abort was lost, shows in the next listing or does not.
 */
import { LeaseLostError } from "./errors.ts";
import type { AbortOutcome, Store, UploadName } from "./ports.ts";
import { CALL_TIMEOUT_MS } from "./safety.ts";
import { keepLease, type Slice } from "./slice.ts";

/** `lost`: no answer came. It may be aborted, or be so later. */
export type AbortAnswer = AbortOutcome | { readonly outcome: "lost"; readonly error: unknown };

export interface UploadAborter {
  /**
   * Aborts these at the same time, one call each. An answer for each, in their order.
   * @throws LeaseLostError when too little is left of the lease to begin: none was begun
   */
  abort(slice: Slice, uploads: readonly UploadName[]): Promise<AbortAnswer[]>;
}

export function createUploadAborter(store: Pick<Store, "abortUpload">): UploadAborter {
  return {
    async abort(slice, uploads) {
      await keepLease(slice);
      // As a delete: one that could outlive the lease would run beside the next holder.
      if (slice.held.timeLeftMs() <= CALL_TIMEOUT_MS) throw new LeaseLostError();
      const answers = await Promise.allSettled(uploads.map((upload) => store.abortUpload(upload)));
      return answers.map((answer) =>
        answer.status === "fulfilled" ? answer.value : { outcome: "lost", error: answer.reason },
      );
    },
  };
}
