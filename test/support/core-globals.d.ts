/**
 * The globals that the core may name beyond the language itself: what every runtime has, and what is pure or handed in.
 * Only `tsconfig.core.json` reads this file; everywhere else the runtime's own types apply, and what they say is wider,
 * so code that satisfies this satisfies them. Think before adding: whatever reads a clock or talks to the world is a port.
 */

interface AbortSignal {
  readonly aborted: boolean;
  readonly reason: unknown;
  throwIfAborted(): void;
  addEventListener(type: "abort", listener: () => void, options?: { once?: boolean }): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

declare function structuredClone<T>(value: T): T;
