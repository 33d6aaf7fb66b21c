/** A TCP proxy that mistreats connections, as a network does: what it does to each one is drawn from a seed. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/**
 * - `refuse`: the connection is reset at once
 * - `cut-request`: it is reset in the middle of a request, which the server may have had whole
 * - `cut-answer`: the answer is cut short, and the connection reset
 * - `swallow`: requests arrive, and no answer ever comes back
 * - `slow`: every piece takes a while
 */
const FATES = ["refuse", "cut-request", "cut-answer", "swallow", "slow"] as const;
type Fate = (typeof FATES)[number];

export interface FaultProxy {
  readonly port: number;
  /** How many connections were mistreated. */
  mistreated(): number;
  /** From now on every connection passes; those that are open are reset. */
  heal(): void;
  close(): Promise<void>;
}

/** A cut comes within so many bytes. A run's requests and answers have some thousand. */
const WITHIN_BYTES = 6000;

/** What each piece takes on a slow connection, in milliseconds. */
const SLOW_MS = 3;

export interface LineOptions {
  /** Numbers in [0, 1): the same for the same seed. */
  readonly draw: () => number;
  /** How many connections pass unharmed between two that do not; by default none. */
  readonly spares?: number;
  /** After how long a connection that swallows is reset, in milliseconds; by default never. */
  readonly swallowsForMs?: number;
}

export async function startFaultProxy(
  targetPort: number,
  { draw, spares = 0, swallowsForMs }: LineOptions,
): Promise<FaultProxy> {
  let [mistreated, connections] = [0, 0];
  const open = new Set<Socket>();
  let healthy = false;

  const server = createServer((client) => {
    const isSpared = healthy || connections % (spares + 1) !== 0;
    connections += 1;
    const fate: Fate | undefined = isSpared ? undefined : FATES[Math.floor(draw() * FATES.length)];
    const cutAfter = Math.floor(draw() * WITHIN_BYTES);
    if (fate !== undefined) mistreated += 1;
    const target = connect(targetPort, "127.0.0.1");
    for (const socket of [client, target]) {
      open.add(socket);
      // A socket that was reset says so; that is what it is here for.
      socket.on("error", () => {});
    }
    const end = (): void => {
      for (const socket of [client, target]) {
        open.delete(socket);
        socket.resetAndDestroy();
      }
    };
    client.on("close", end);
    target.on("close", end);
    if (fate === "refuse") return end();
    const slowMs = fate === "slow" ? SLOW_MS : 0;
    forward(client, target, { slowMs, end, cutAfter: fate === "cut-request" ? cutAfter : null });
    if (fate === "swallow") {
      target.resume();
      if (swallowsForMs !== undefined) setTimeout(end, swallowsForMs).unref();
    } else forward(target, client, { slowMs, end, cutAfter: fate === "cut-answer" ? cutAfter : null });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const reset = (): void => {
    for (const socket of open) socket.resetAndDestroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    mistreated: () => mistreated,
    heal() {
      healthy = true;
      reset();
    },
    async close() {
      reset();
      server.close();
      await once(server, "close");
    },
  };
}

interface Forwarding {
  readonly slowMs: number;
  /** Bytes that pass before the connection ends; null: all. */
  readonly cutAfter: number | null;
  readonly end: () => void;
}

function forward(from: Socket, to: Socket, { slowMs, cutAfter, end }: Forwarding): void {
  let left = cutAfter ?? Number.POSITIVE_INFINITY;
  from.on("data", (piece: Buffer) => {
    const passes = piece.subarray(0, left);
    left -= passes.length;
    const pass = (): void => {
      to.write(passes);
      if (left === 0) end();
    };
    if (slowMs === 0) pass();
    else setTimeout(pass, slowMs);
  });
}
