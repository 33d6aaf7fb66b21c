/** What else one could do: each removes exactly what filesweep removes from the same sample. */
import { execFileSync } from "node:child_process";
import { lstat, readdir, unlink } from "node:fs/promises";
import path from "node:path";
import { type Client, createClient } from "@libsql/client/sqlite3";
import { databaseOf, GOES_AFTER_DAYS, type Sample, storeOf } from "./sample.ts";

/** As many system calls at once as filesweep's store has under way. */
const CONCURRENCY = 8;

/**
 * Node's own list-and-unlink loop: reads each directory, looks at each file's age, and unlinks what is old. It knows
 * no database, and so removes by age what filesweep removes because nothing protects it.
 */
export async function nodeLoop(sample: Sample): Promise<void> {
  const before = Date.now() - GOES_AFTER_DAYS * 24 * 60 * 60 * 1000;
  await eachFile(storeOf(sample), async (file) => {
    if ((await lstat(file)).mtimeMs < before) await unlink(file);
  });
}

/** The same by GNU find, in C. */
export function findDelete(sample: Sample): void {
  execFileSync("find", [storeOf(sample), "-type", "f", "-mtime", `+${GOES_AFTER_DAYS}`, "-delete"]);
}

/** One query and one delete per file, one after the other. */
export async function naiveLoop(sample: Sample): Promise<void> {
  const client = createClient({ url: `file:${databaseOf(sample)}` });
  try {
    await (sample.kind === "expired" ? endOneByOne(sample, client) : askOneByOne(sample, client));
  } finally {
    client.close();
  }
}

async function endOneByOne(sample: Sample, client: Client): Promise<void> {
  const due = "SELECT id, key FROM files WHERE status = 'active' AND expires_at <= ?";
  const { rows } = await client.execute({ sql: due, args: [Date.now()] });
  for (const { id, key } of rows) {
    await client.execute({ sql: "UPDATE files SET status = 'expired' WHERE id = ?", args: [String(id)] });
    await unlink(path.join(storeOf(sample), String(key)));
  }
}

async function askOneByOne(sample: Sample, client: Client): Promise<void> {
  const root = storeOf(sample);
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = path.join(entry.parentPath, entry.name);
    const query = { sql: "SELECT 1 FROM files WHERE key = ? AND status = 'active'", args: [path.relative(root, file)] };
    if ((await client.execute(query)).rows.length === 0) await unlink(file);
  }
}

async function eachFile(directory: string, work: (file: string) => Promise<void>): Promise<void> {
  const entries = await readdir(directory, { withFileTypes: true });
  const files = entries.filter((entry) => !entry.isDirectory()).values();
  const worker = async (): Promise<void> => {
    for (const { name } of files) await work(`${directory}/${name}`);
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  for (const entry of entries) if (entry.isDirectory()) await eachFile(`${directory}/${entry.name}`, work);
}
