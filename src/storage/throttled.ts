import { isSweepError } from "../core/errors.ts";
import type { Store } from "../core/ports.ts";
import { stopIfAborted } from "./guards.ts";
import { wrapped } from "./wrapped.ts";

/**
 * Lets no more than `concurrency` calls be under way at once. Each time the store asks to slow down, half as many; after
 * as many answers as calls may be under way, one more, up to where it began.
 */
export function throttled(store: Store, concurrency: number): Store {
  let allowed = concurrency;
  let underWay = 0;
  let answers = 0;
  const waiting: (() => void)[] = [];

  function admit(): void {
    while (underWay < allowed && waiting.length > 0) {
      underWay += 1;
      waiting.shift()?.();
    }
  }

  function learn(slowDown: boolean): void {
    answers = slowDown ? 0 : answers + 1;
    if (slowDown) {
      allowed = Math.max(1, Math.floor(allowed / 2));
    } else if (answers >= allowed && allowed < concurrency) {
      allowed += 1;
      answers = 0;
    }
  }

  const coat = wrapped(store, async (call, signal, work) => {
    await new Promise<void>((resolve) => {
      waiting.push(resolve);
      admit();
    });
    try {
      stopIfAborted(signal, `waiting for a ${call} of ${store.name}`);
      const answer = await work(signal);
      learn(false);
      return answer;
    } catch (error) {
      if (isSweepError(error) && error.details["slowDown"] === true) learn(true);
      throw error;
    } finally {
      underWay -= 1;
      admit();
    }
  });
  return {
    ...coat,
    // Whoever foresees a page makes a call within a call: with no room for it, each would wait for the other.
    list({ foreseen, ...ask }) {
      if (foreseen === undefined) return coat.list(ask);
      const whereRoom = async (next: string): Promise<void> => {
        if (underWay < allowed) await foreseen(next);
      };
      return coat.list({ ...ask, foreseen: whereRoom });
    },
  };
}
