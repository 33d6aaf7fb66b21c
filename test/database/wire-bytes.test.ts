/** What a page of expired files costs on the way to a remote database and back, in bytes. */
import { expect, onTestFinished, test, vi } from "vitest";
import { createDatabase } from "../../src/database/open.ts";
import { migrate } from "../../src/database/schema.ts";
import { DATABASE_NOW } from "../../src/database/sql.ts";
import { openRemoteTestClient, plain, temporaryFolder } from "../support/database.ts";
import { createFakeClock, START } from "../support/fake-clock.ts";
import { acquire, CUTOFFS, claimsOf } from "../support/ports.ts";

const FILES = 1000;

test(`a page of ${FILES} expired files ends, and the next is read, with at most 500 bytes sent and 300 received for each`, async () => {
  const client = await openRemoteTestClient(`${temporaryFolder()}/catalog.db`);
  await migrate(client, DATABASE_NOW);
  await client.batch(
    Array.from({ length: 2 * FILES }, (_, index) =>
      plain("INSERT INTO files (id, key, size_bytes, created_at, expires_at) VALUES (?, ?, ?, ?, ?)", [
        `00000000-0000-4000-8000-${String(index).padStart(12, "0")}`,
        `2026/11/${String(index).padStart(6, "0")}-holiday-pictures.zip`,
        1_000_000 + index,
        START - 10_000_000 - index,
        START - 2 * FILES + index,
      ]),
    ),
    "write",
  );
  const { catalog, leases } = createDatabase({ client, clock: createFakeClock(), gateMs: 600_000 });
  const held = await acquire({ leases }, "test");
  const page = await catalog.due(held, { ...CUTOFFS, after: null, limit: FILES });
  let ids = 0;
  const claims = claimsOf(page.files, () => `01a21662-1566-70b5-b747-${String(++ids).padStart(12, "0")}`);

  const counted = { sent: 0, received: 0 };
  const send = globalThis.fetch;
  const counting = vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    counted.sent += Buffer.byteLength(String(init?.body));
    const answer = await send(input, init);
    const text = await answer.text();
    counted.received += Buffer.byteLength(text);
    return new Response(text, answer);
  });
  onTestFinished(() => counting.mockRestore());
  const run = { runId: "01a21662-1566-70b5-b747-000000000000", now: START };
  const answer = await catalog.claim(held, claims, run, { ...CUTOFFS, after: page.next, limit: FILES });
  expect([answer.ended.size, answer.condemned.length, answer.next?.files.length]).toEqual([FILES, FILES, FILES]);
  expect(counted.sent / FILES).toBeLessThanOrEqual(500);
  expect(counted.received / FILES).toBeLessThanOrEqual(300);
});
