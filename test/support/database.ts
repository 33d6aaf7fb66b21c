import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { onTestFinished } from "vitest";
import type { Clock } from "../../src/core/ports.ts";
import type { SqlClient } from "../../src/database/client.ts";
import { openFileClient } from "../../src/database/embedded-client.ts";
import { openRemoteClient, type RemoteOptions } from "../../src/database/remote-client.ts";
import { type HranaServer, startHranaServer } from "./hrana-server.ts";
import { followClock, TEST_CLOCK } from "./statements.ts";

export { plain, TEST_NOW } from "./statements.ts";

/** A folder that is gone after the test. */
export function temporaryFolder(): string {
  const path = mkdtempSync(join(tmpdir(), "filesweep-test-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/**
 * Whether the tests' databases are reached as a file, or over the wire protocol of a remote one: the same tests hold for
 * both (vitest.config.ts).
 */
export const IS_REMOTE = process.env["FILESWEEP_TEST_DATABASE"] === "remote";

/** One server for all databases of this process; the path of a file is the path of its address. */
let server: Promise<HranaServer> | null = null;

export async function openRemoteTestClient(path: string, options: Partial<RemoteOptions> = {}): Promise<SqlClient> {
  server ??= startHranaServer({ fileAt: (address) => address.slice(1) });
  const { url, forget } = await server;
  onTestFinished(() => forget(`/${path}`));
  return openRemoteClient({ url: `${url}/${encodeURIComponent(path)}`, authToken: null, ...options });
}

/** A database whose clock follows `clock`. */
export async function openTestClient(path: string, clock: Clock): Promise<SqlClient> {
  const client = IS_REMOTE ? await openRemoteTestClient(path) : await openFileClient(path);
  onTestFinished(() => client.close());
  await client.batch(TEST_CLOCK, "write");
  return followClock(client, clock);
}
