/** The gate: while an object is being removed, and for a while after, nothing can come to protect it. P2. */
import { createClient } from "@libsql/client/sqlite3";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Condemned, DeleteOutcome, HeldLease } from "../../src/core/ports.ts";
import { DAY_MS } from "../../src/core/safety.ts";
import { migrate, planUninstall, uninstall } from "../../src/database/schema.ts";
import { TEST_NOW } from "../support/database.ts";
import { START } from "../support/fake-clock.ts";
import { freshEntry, GATE_MS, openPorts, type Ports, settlement } from "../support/ports.ts";

/** Part of the contract: applications match on it. */
const MESSAGE = "filesweep: this object is being removed; use a new key or try again later";

const REFUSED = { kind: "conflict", details: { vendor: expect.stringMatching(new RegExp(`(^|: )${MESSAGE}$`)) } };

/** `taken` is condemned; `other` is a live file, `ended` an expired row of `taken`. */
async function withCondemned(): Promise<Ports & { held: HeldLease; removal: Condemned }> {
  const ports = await openPorts();
  const held = await ports.hold();
  await ports.insert({ id: "ended", key: "taken" }, { id: "other", key: "other", expires_at: null });
  const [removal] = (await ports.claimDue(held)).condemned;
  if (removal === undefined) throw new Error("nothing was condemned");
  expect(await ports.gate()).toEqual({ taken: null });
  return { ...ports, held, removal };
}

const insert = (id: string, key: string, status = "active"): string =>
  `INTO files (id, key, status, created_at) VALUES ('${id}', '${key}', '${status}', 1)`;

describe("while an object is being removed, a statement is refused that would have a row protect it", () => {
  test.each([
    ["INSERT", `INSERT ${insert("new", "taken")}`],
    ["INSERT of a status that filesweep does not know", `INSERT ${insert("new", "taken", "archived")}`],
    [
      "INSERT of several rows, one of them with this key",
      `INSERT ${insert("new", "free")}, ('newer', 'taken', 'active', 1)`,
    ],
    ["INSERT … SELECT", "INSERT INTO files (id, key, created_at) SELECT 'new', key, 1 FROM files WHERE id = 'ended'"],
    ["INSERT OR REPLACE of a new row", `INSERT OR REPLACE ${insert("new", "taken")}`],
    ["INSERT OR REPLACE of the row that ended", `INSERT OR REPLACE ${insert("ended", "taken")}`],
    ["INSERT OR REPLACE of a row with another key", `INSERT OR REPLACE ${insert("other", "taken")}`],
    ["INSERT OR IGNORE", `INSERT OR IGNORE ${insert("new", "taken")}`],
    ["INSERT OR FAIL", `INSERT OR FAIL ${insert("new", "taken")}`],
    ["UPSERT that inserts", `INSERT ${insert("new", "taken")} ON CONFLICT (id) DO NOTHING`],
    ["UPSERT that revives", `INSERT ${insert("ended", "x")} ON CONFLICT (id) DO UPDATE SET status = excluded.status`],
    ["UPSERT that moves", `INSERT ${insert("other", "taken")} ON CONFLICT (id) DO UPDATE SET key = excluded.key`],
    ["UPDATE of the key", "UPDATE files SET key = 'taken' WHERE id = 'other'"],
    ["UPDATE OR IGNORE of the key", "UPDATE OR IGNORE files SET key = 'taken' WHERE id = 'other'"],
    ["UPDATE of the status that revives", "UPDATE files SET status = 'active' WHERE id = 'ended'"],
    ["UPDATE to a status that filesweep does not know", "UPDATE files SET status = 'archived' WHERE id = 'ended'"],
    ["UPDATE of key and status", "UPDATE files SET key = 'taken', status = 'active' WHERE id = 'other'"],
    ["UPDATE of every row", "UPDATE files SET status = 'active'"],
  ])("%s", async (_, sql) => {
    const { execute, dump } = await withCondemned();
    const before = await dump();
    await expect(execute(sql)).rejects.toMatchObject(REFUSED);
    expect(await dump()).toBe(before);
  });

  test("in a transaction with other writes, the whole of it", async () => {
    const { client, dump } = await withCondemned();
    const before = await dump();
    const statements = [`INSERT ${insert("a", "free")}`, `INSERT ${insert("b", "taken")}`].map((sql) => ({
      sql,
      args: [],
    }));
    await expect(client.batch(statements, "write")).rejects.toMatchObject(REFUSED);
    expect(await dump()).toBe(before);
  });

  test("with exactly the message of the contract, as the application's own client shows it", async () => {
    const { path } = await withCondemned();
    const application = createClient({ url: `file:${path}` });
    onTestFinished(() => application.close());
    const refused = application.execute(`INSERT ${insert("new", "taken")}`);
    await expect(refused).rejects.toMatchObject({
      code: "SQLITE_CONSTRAINT",
      message: `SQLITE_CONSTRAINT: ${MESSAGE}`,
    });
  });
});

describe("while an object is being removed, a statement passes that protects nothing of it", () => {
  test.each([
    ["a row that is expired from the start", `INSERT ${insert("new", "taken", "expired")}`],
    ["a row with another key", `INSERT ${insert("new", "taken2")}`],
    ["a row whose key differs in case", `INSERT ${insert("new", "Taken")}`],
    ["a row whose key has a space behind it", `INSERT ${insert("new", "taken ")}`],
    ["a change of another row's downloads", "UPDATE files SET downloads = downloads + 1 WHERE id = 'other'"],
    ["a change of another row's status", "UPDATE files SET status = 'archived' WHERE id = 'other'"],
    ["a change of another row's key", "UPDATE files SET key = 'moved' WHERE id = 'other'"],
    ["a change of the expired row's downloads", "UPDATE files SET downloads = downloads + 1 WHERE id = 'ended'"],
    [
      "the expired row moved to a new key and revived",
      "UPDATE files SET key = 'moved', status = 'active' WHERE id = 'ended'",
    ],
    ["the end of the expired row", "DELETE FROM files WHERE id = 'ended'"],
  ])("%s", async (_, sql) => {
    const { execute } = await withCondemned();
    await execute(sql);
  });
});

describe("after an answered attempt the gate stays closed for a while, whatever the answer", () => {
  const ANSWERS: DeleteOutcome["outcome"][] = ["gone", "refused", "changed"];

  test.each(ANSWERS)("%s: closed a millisecond before, open then, by the database's clock", async (outcome) => {
    const { execute, clock, held, removal, settle } = await withCondemned();
    clock.advance(5000);
    await settle(held, removal, outcome, START + DAY_MS);
    clock.advance(GATE_MS - 1);
    await expect(execute(`INSERT ${insert("new", "taken")}`)).rejects.toMatchObject(REFUSED);
    await expect(execute("UPDATE files SET status = 'active' WHERE id = 'ended'")).rejects.toMatchObject(REFUSED);
    clock.advance(1);
    await execute(`INSERT ${insert("new", "taken")}`);
    await execute("UPDATE files SET status = 'active' WHERE id = 'ended'");
  });

  test.each(ANSWERS)("%s: a run that begins then drops the key, one that begins before does not", async (outcome) => {
    const { database, clock, held, removal, settle, gate, hold } = await withCondemned();
    await settle(held, removal, outcome, START + DAY_MS);
    clock.advance(GATE_MS - 1);
    const next = await hold();
    await database.journal.open(next, freshEntry("run-2"));
    expect(await gate()).toEqual({ taken: START + GATE_MS });
    clock.advance(1);
    await database.journal.open(next, freshEntry("run-2"));
    expect(await gate()).toEqual({});
  });

  test("the time is the database's, not that of the answer's note", async () => {
    const { database, clock, held, removal, gate } = await withCondemned();
    clock.advance(7000);
    database.ledger.settle(held, [settlement(removal, "gone", START - DAY_MS)]);
    await database.leases.renew(held);
    expect(await gate()).toEqual({ taken: START + 7000 + GATE_MS });
  });
});

describe("an attempt without an answer", () => {
  test("never opens the gate, however much time passes", async () => {
    const { database, execute, clock, held, removal, settle, hold } = await withCondemned();
    await settle(held, removal, "unknown");
    clock.advance(1000 * DAY_MS);
    await database.journal.open(await hold(), freshEntry("run-2"));
    await expect(execute(`INSERT ${insert("new", "taken")}`)).rejects.toMatchObject(REFUSED);
  });

  test("keeps it closed also where an earlier attempt was answered", async () => {
    const { database, execute, clock, held, removal, settle, drain, renewed } = await withCondemned();
    await settle(held, removal, "refused", START);
    const next = await renewed(held);
    const [again] = (await drain(next)).condemned;
    if (again === undefined) throw new Error("it was not attempted again");
    await settle(next, again, "unknown");
    clock.advance(GATE_MS);
    await expect(execute(`INSERT ${insert("new", "taken")}`)).rejects.toMatchObject(REFUSED);
    clock.advance(1000 * DAY_MS);
    await database.leases.acquire("later");
    await expect(execute(`INSERT ${insert("new", "taken")}`)).rejects.toMatchObject(REFUSED);
  });

  test("is followed by one that is answered, which opens it in time", async () => {
    const { execute, clock, held, removal, settle, drain, renewed } = await withCondemned();
    await settle(held, removal, "unknown");
    const next = await renewed(held);
    const [again] = (await drain(next)).condemned;
    if (again === undefined) throw new Error("it was not attempted again");
    await settle(next, again, "gone");
    clock.advance(GATE_MS);
    await execute(`INSERT ${insert("new", "taken")}`);
  });

  test("does not keep the key for ever once the removal was released: no attempt will answer any more", async () => {
    const { execute, clock, held, removal, settle, drain, renewed, states } = await withCondemned();
    await settle(held, removal, "unknown");
    await drain(await renewed(held), { ignorePrefixes: ["tak"] });
    expect(await states()).toEqual({ taken: "released" });
    clock.advance(GATE_MS);
    await execute(`INSERT ${insert("new", "taken")}`);
  });

  test("one key's answer opens the gate for no other key of the batch", async () => {
    const { database, held, insert: add, claimDue, gate } = await openPortsWithLease();
    await add({ key: "a" }, { key: "b" });
    const { condemned } = await claimDue(held);
    database.ledger.settle(
      held,
      condemned.map((removal) => settlement(removal, removal.key === "a" ? "gone" : "unknown", START)),
    );
    await database.leases.renew(held);
    expect(await gate()).toEqual({ a: START + GATE_MS, b: null });
  });
});

async function openPortsWithLease(): Promise<Ports & { held: HeldLease }> {
  const ports = await openPorts();
  return { ...ports, held: await ports.hold() };
}

describe("whether the gate stands as it was written", () => {
  const TRIGGERS = ["filesweep_gate_files_insert", "filesweep_gate_files_update"];

  async function stands({ database, hold }: Ports): Promise<boolean> {
    const held = await hold();
    const { gateStands } = await database.journal.open(held, freshEntry("run-1"));
    await database.leases.release(held);
    return gateStands;
  }

  test("it does after migrate", async () => {
    expect(await stands(await openPorts())).toBe(true);
  });

  test.each(TRIGGERS)("it does not once %s is dropped; migrate writes it again", async (name) => {
    const ports = await openPorts();
    await ports.execute(`DROP TRIGGER ${name}`);
    expect(await stands(ports)).toBe(false);
    const { statements } = await migrate(ports.client, TEST_NOW);
    expect(statements.join("\n")).toContain(`CREATE TRIGGER "${name}"`);
    expect(await stands(ports)).toBe(true);
    expect((await migrate(ports.client, TEST_NOW)).statements).toEqual([]);
  });

  test.each(TRIGGERS)("it does not once %s reads differently; migrate writes it again", async (name) => {
    const ports = await openPorts();
    await ports.execute(`DROP TRIGGER ${name}`);
    await ports.execute(
      `CREATE TRIGGER ${name} AFTER INSERT ON files WHEN 0 BEGIN SELECT RAISE(ABORT, '${MESSAGE}'); END`,
    );
    expect(await stands(ports)).toBe(false);
    await migrate(ports.client, TEST_NOW);
    expect(await stands(ports)).toBe(true);
  });

  test("it does not once a migration of the application has rebuilt the table", async () => {
    const ports = await openPorts();
    await ports.execute("CREATE TABLE files_new AS SELECT * FROM files");
    await ports.execute("DROP TABLE files");
    await ports.execute("ALTER TABLE files_new RENAME TO files");
    expect(await stands(ports)).toBe(false);
  });

  test("a run does not write it again by itself", async () => {
    const ports = await openPorts();
    await ports.execute(`DROP TRIGGER ${TRIGGERS[0]}`);
    await stands(ports);
    expect(await stands(ports)).toBe(false);
  });

  test("migrate closes a lost gate again for the keys that are behind it", async () => {
    const { execute, client } = await withCondemned();
    for (const name of TRIGGERS) await execute(`DROP TRIGGER ${name}`);
    await migrate(client, TEST_NOW);
    await expect(execute(`INSERT ${insert("new", "taken")}`)).rejects.toMatchObject(REFUSED);
  });
});

describe("uninstall", () => {
  test("drops triggers before tables, and leaves the application able to write", async () => {
    const { client, held, removal, settle, execute, rows, database } = await withCondemned();
    await settle(held, removal, "gone");
    await database.leases.release(held);
    const files = await rows("SELECT * FROM files ORDER BY id");
    const statements = await uninstall(client);
    const kinds = statements.map((sql) => sql.split(" ")[1] ?? "");
    expect(kinds.lastIndexOf("TRIGGER")).toBeLessThan(kinds.indexOf("TABLE"));
    expect(kinds.filter((kind) => kind === "TRIGGER")).toHaveLength(2);
    expect(await rows("SELECT * FROM files ORDER BY id")).toEqual(files);
    await execute(`INSERT ${insert("new", "taken")}`);
    await execute("UPDATE files SET status = 'active' WHERE id = 'ended'");
  });

  test("leaves nothing of its own, and nothing less of anybody else's", async () => {
    const { client, execute, rows } = await openPorts();
    await execute("CREATE TABLE users (id TEXT)");
    await execute("CREATE INDEX by_uploader ON files (uploaded_by)");
    await execute("CREATE TRIGGER audit AFTER DELETE ON files BEGIN DELETE FROM users; END");
    await uninstall(client);
    const left = await rows<{ name: string }>(
      "SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite%' ORDER BY name",
    );
    expect(left.map(({ name }) => name)).toEqual(["audit", "by_uploader", "files", "test_clock", "users"]);
  });

  test("refuses while a removal is condemned, says how many, and changes nothing", async () => {
    const { client, dump } = await withCondemned();
    const before = await dump();
    await expect(uninstall(client)).rejects.toMatchObject({
      kind: "conflict",
      message: expect.stringMatching(/^1 removals? /),
    });
    await expect(planUninstall(client)).rejects.toMatchObject({ kind: "conflict" });
    expect(await dump()).toBe(before);
  });

  test("refuses also if a removal was condemned between the plan and its execution", async () => {
    const ports = await openPorts();
    const held = await ports.hold();
    await ports.insert({ key: "a" });
    const { client } = ports;
    let before = "";
    const overtaken = uninstall({
      ...client,
      async batch(statements, mode) {
        if (mode === "write") {
          await ports.claimDue(held);
          before = await ports.dump();
        }
        return client.batch(statements, mode);
      },
    });
    await expect(overtaken).rejects.toMatchObject({ kind: "conflict" });
    expect(before).toContain('"condemned"');
    expect(await ports.dump()).toBe(before);
  });

  test.each(["suspected", "due", "failed", "abandoned"])("does not wait for a removal that is %s", async (state) => {
    const { client, execute, rows } = await openPorts();
    await execute(
      `INSERT INTO filesweep_removals (id, key, state, reason, sweep, run_id, created_at)
        VALUES ('r', 'k', '${state}', 'unreferenced', 'orphaned-objects', 'run', 1)`,
    );
    await uninstall(client);
    expect(await rows("SELECT 1 FROM sqlite_master WHERE name LIKE 'filesweep%'")).toEqual([]);
  });

  test("has nothing to do twice, nor in a database that filesweep never saw", async () => {
    const { client } = await openPorts();
    await uninstall(client);
    expect(await uninstall(client)).toEqual([]);
  });

  test("can be followed by migrate, which sets everything up again", async () => {
    const { client, rows } = await openPorts();
    await uninstall(client);
    await migrate(client, TEST_NOW);
    expect(await rows("SELECT 1 AS one FROM sqlite_master WHERE type = 'trigger'")).toHaveLength(2);
  });
});
