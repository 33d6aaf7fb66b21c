import type { DeleteOutcome } from "../core/ports.ts";

type Outcome = Omit<DeleteOutcome, "key">;

/**
 * Deletes a batch that its store refuses as a whole for the sake of some of its keys: half by half, until those are found.
 * One bad key never stops the others.
 * @param refusal why the store refused these keys, where an error says so; null where it is about something else
 */
export async function deleteInHalves(
  keys: readonly string[],
  deleteBatch: (keys: readonly string[]) => Promise<Iterable<readonly [string, Outcome]>>,
  refusal: (error: unknown) => string | null,
): Promise<Map<string, Outcome>> {
  try {
    return new Map(await deleteBatch(keys));
  } catch (error) {
    const why = refusal(error);
    if (why === null) throw error;
    const [only, ...others] = keys;
    if (only !== undefined && others.length === 0) return new Map([[only, { outcome: "refused", error: why }]]);
    const middle = Math.ceil(keys.length / 2);
    const first = await deleteInHalves(keys.slice(0, middle), deleteBatch, refusal);
    const second = await deleteInHalves(keys.slice(middle), deleteBatch, refusal);
    return new Map([...first, ...second]);
  }
}
