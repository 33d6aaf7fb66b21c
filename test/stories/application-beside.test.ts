/** The application goes on working while filesweep does: what it may do at any moment, and what comes of it (P2). */
import { describe, expect, test } from "vitest";
import { isSweepError } from "../../src/core/errors.ts";
import type { DeleteRequest, Store } from "../../src/core/ports.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS } from "../../src/core/safety.ts";
import { GATE_MESSAGE } from "../../src/database/gate.ts";
import { migrate, uninstall } from "../../src/database/schema.ts";
import { TEST_NOW } from "../support/database.ts";
import { START } from "../support/fake-clock.ts";
import { createWorld, sweepOf, type World, type WorldOptions } from "../support/world.ts";

const GATE_MINUTES = 10;

/** Does something just before, or just after, the store deletes. */
function aroundDelete(hooks: {
  before?: (requests: readonly DeleteRequest[]) => Promise<void>;
  after?: () => Promise<void>;
}): Pick<WorldOptions, "wrapStore"> {
  return {
    wrapStore: (store): Store => ({
      ...store,
      async delete(requests) {
        await hooks.before?.(requests);
        const answer = await store.delete(requests);
        await hooks.after?.();
        return answer;
      },
    }),
  };
}

/** What the application's statement came to: `done`, or the gate's refusal. */
async function tryTo(work: Promise<unknown>): Promise<"done" | "refused"> {
  try {
    await work;
    return "done";
  } catch (error) {
    if (isSweepError(error, "conflict") && String(error.details["vendor"]).includes(GATE_MESSAGE)) return "refused";
    throw error;
  }
}

describe("while an object is being removed", () => {
  const attempts: readonly (readonly [string, (world: World) => Promise<unknown>])[] = [
    ["a new row for its key", (world) => world.insert({ id: "new", key: "a" })],
    ["a new row of a status that protects", (world) => world.insert({ id: "new", key: "a", status: "uploading" })],
    [
      "the revival of its row",
      (world) => world.execute("UPDATE files SET status = 'active', expires_at = NULL WHERE id = 'old'"),
    ],
    ["another row that takes its key", (world) => world.execute("UPDATE files SET key = 'a' WHERE id = 'other'")],
    [
      "an insert that replaces its row",
      (world) => world.execute("INSERT OR REPLACE INTO files (id, key) VALUES ('old', 'a')"),
    ],
    [
      "an upsert of its row",
      (world) =>
        world.execute(
          "INSERT INTO files (id, key) VALUES ('old', 'a') ON CONFLICT (id) DO UPDATE SET status = 'active', expires_at = NULL",
        ),
    ],
  ];
  for (const [what, attempt] of attempts) {
    test(`the application is refused ${what}, and may try again when the gate opens`, async () => {
      const answers: string[] = [];
      const look = async (): Promise<void> => void answers.push(await tryTo(attempt(world)));
      const world: World = await createWorld(aroundDelete({ before: look, after: look }));
      await world.upload({ id: "old", key: "a", expires_at: START });
      await world.upload({ id: "other", key: "b" });
      await world.run();
      expect(answers).toEqual(["refused", "refused"]);
      expect(world.keys()).toEqual(["b"]);

      world.clock.advance(GATE_MINUTES * MINUTE_MS - 1);
      expect(await tryTo(attempt(world))).toBe("refused");
      world.clock.advance(1);
      world.put(["a"], 0);
      expect(await tryTo(attempt(world))).toBe("done");
      await world.run();
      world.clock.advance(30 * DAY_MS);
      await world.run();
      expect(world.keys()).toContain("a");
    });
  }

  test("the application may do what protects nothing, and everything with other keys", async () => {
    const answers: string[] = [];
    const world: World = await createWorld(
      aroundDelete({
        before: async () => {
          answers.push(await tryTo(world.insert({ key: "a", status: "expired" })));
          answers.push(await tryTo(world.insert({ key: "b" })));
          answers.push(
            await tryTo(world.execute("UPDATE files SET original_name = 'x', expires_at = 5 WHERE key = 'a'")),
          );
          answers.push(await tryTo(world.execute("DELETE FROM files WHERE key = 'a'")));
        },
      }),
    );
    await world.upload({ key: "a", expires_at: START });
    await world.run();
    expect(answers).toEqual(["done", "done", "done", "done"]);
  });

  test("an orphan is behind the gate as well", async () => {
    const answers: string[] = [];
    const world: World = await createWorld({
      settings: { quarantineMs: 0 },
      ...aroundDelete({ before: async () => void answers.push(await tryTo(world.insert({ key: "orphan" }))) }),
    });
    world.put(["orphan"]);
    await world.run();
    expect(answers).toEqual(["refused"]);
  });

  test("the key of a refused delete leaves the gate like any other, and its row may come back: the object stays", async () => {
    const world = await createWorld();
    await world.upload({ id: "old", key: "a", expires_at: START });
    world.store.refuse("a", "AccessDenied");
    await world.run();
    expect(await tryTo(world.insert({ id: "new", key: "a" }))).toBe("refused");
    world.clock.advance(GATE_MINUTES * MINUTE_MS);
    expect(await tryTo(world.insert({ id: "new", key: "a" }))).toBe("done");
    world.store.refuse("a", null);
    world.clock.advance(DAY_MS);
    await world.run();
    expect(world.keys()).toEqual(["a"]);
    expect(await world.removals()).toMatchObject([{ key: "a", state: "released", released_by: "protected" }]);
  });

  test("while no answer came, the key stays behind the gate however long it takes", async () => {
    const world = await createWorld(aroundDelete({ after: () => Promise.reject(new Error("the answer was lost")) }));
    await world.upload({ key: "a", expires_at: START });
    await world.run();
    world.clock.advance(365 * DAY_MS);
    expect(await tryTo(world.insert({ key: "a" }))).toBe("refused");
    await world.run({}, await world.createInstance({ wrapStore: (store) => store }));
    world.clock.advance(GATE_MINUTES * MINUTE_MS);
    expect(await tryTo(world.insert({ key: "a" }))).toBe("done");
  });

  test("a key that is let go unanswered, because its prefix is kept out now, does not stay behind the gate for ever", async () => {
    const world = await createWorld(aroundDelete({ after: () => Promise.reject(new Error("the answer was lost")) }));
    await world.upload({ key: "images/a", expires_at: START });
    await world.run();
    expect(await world.ledger()).toEqual(["images/a condemned"]);
    await world.run({}, await world.createInstance({ settings: { ignorePrefixes: ["images/"] } }));
    expect(await world.ledger()).toEqual(["images/a released"]);
    world.clock.advance(DAY_MS);
    expect(await tryTo(world.insert({ key: "images/a" }))).toBe("done");
  });

  test("a key that is let go because a row came through a dropped gate does not stay behind it for ever", async () => {
    const world = await createWorld(aroundDelete({ before: () => Promise.reject(new Error("the answer was lost")) }));
    await world.upload({ key: "a", expires_at: START });
    await world.run();
    await world.execute("DROP TRIGGER filesweep_gate_files_insert");
    await world.insert({ id: "new", key: "a" });
    await migrate(world.client, TEST_NOW);
    await world.run();
    expect(await world.ledger()).toEqual(["a released"]);
    world.clock.advance(DAY_MS);
    expect(await tryTo(world.execute("UPDATE files SET status = 'locked' WHERE id = 'new'"))).toBe("done");
    expect(world.keys()).toEqual(["a"]);
  });
});

describe("uploads", () => {
  test("row first: a live row whose object is still on its way loses nothing", async () => {
    const world = await createWorld({ settings: { quarantineMs: 0 } });
    await world.insert({ id: "new", key: "a" });
    await world.run();
    world.put(["a"], 0);
    world.clock.advance(30 * DAY_MS);
    await world.run();
    expect(world.keys()).toEqual(["a"]);
    expect(await world.statuses()).toEqual({ new: "active" });
  });

  test("object first: an object that its row names within the grace is never suspected", async () => {
    const world = await createWorld();
    world.put(["a"], 0);
    await world.run();
    world.clock.advance(23 * HOUR_MS);
    await world.run();
    await world.insert({ key: "a" });
    world.clock.advance(30 * DAY_MS);
    await world.run();
    expect(world.keys()).toEqual(["a"]);
    expect(await world.ledger()).toEqual([]);
  });

  test("object first, named late: a row that comes during the quarantine saves its object", async () => {
    const world = await createWorld();
    world.put(["a"]);
    await world.run();
    await world.insert({ key: "a" });
    world.clock.advance(2 * DAY_MS);
    await world.run();
    expect(world.keys()).toEqual(["a"]);
  });

  test("object first over a key that is being removed: the late object is swept as a left-over, not lost sight of", async () => {
    const world: World = await createWorld(aroundDelete({ after: async () => world.put(["a"], 0) }));
    await world.upload({ key: "a", expires_at: START });
    const calm = await world.createInstance({ wrapStore: (store) => store });
    await world.run();
    expect(world.keys()).toEqual(["a"]);
    world.clock.advance(25 * HOUR_MS);
    await world.run({}, calm);
    world.clock.advance(25 * HOUR_MS);
    await world.run({}, calm);
    expect(world.keys()).toEqual([]);
    expect(await world.removals()).toMatchObject([{ reason: "expired" }, { reason: "left-over" }]);
  });
});

describe("shared objects", () => {
  test("a second row that comes between the page and its transaction keeps the object", async () => {
    const world: World = await createWorld({
      wrapClient: (client) => ({
        ...client,
        async batch(statements, mode) {
          if (statements.some(({ sql }) => sql.includes('UPDATE "files"'))) await world.insert({ id: "new", key: "a" });
          return client.batch(statements, mode);
        },
      }),
    });
    await world.upload({ id: "old", key: "a", expires_at: START });
    expect(sweepOf(await world.run(), "expired-files")).toMatchObject({ kept: { "still-protected": { count: 1 } } });
    expect(await world.statuses()).toEqual({ new: "active", old: "expired" });
    expect(world.keys()).toEqual(["a"]);
  });

  test("a second row that comes between a failed attempt and the next one keeps the object", async () => {
    const world = await createWorld();
    await world.upload({ id: "old", key: "a", expires_at: START });
    world.store.refuse("a", "SlowDown");
    await world.run();
    world.store.refuse("a", null);
    world.clock.advance(HOUR_MS);
    await world.insert({ id: "new", key: "a" });
    await world.run();
    expect(world.keys()).toEqual(["a"]);
  });
});

describe("the gate's triggers", () => {
  test("a table that the application rebuilt without them holds the next run", async () => {
    const world = await createWorld();
    await world.upload({ key: "a", expires_at: START });
    await world.execute("CREATE TABLE rebuilt AS SELECT * FROM files");
    await world.execute("DROP TABLE files");
    await world.execute("ALTER TABLE rebuilt RENAME TO files");
    expect(await world.run()).toMatchObject({ status: "held", holds: [{ cause: "gate-lost" }] });
    expect(world.keys()).toEqual(["a"]);
  });

  test("after uninstall the application inserts as if filesweep had never been there", async () => {
    const world = await createWorld();
    await world.upload({ key: "a", expires_at: START });
    await world.run();
    await uninstall(world.client);
    expect(await tryTo(world.insert({ key: "a" }))).toBe("done");
    expect(await tryTo(world.execute("UPDATE files SET status = 'active'"))).toBe("done");
    const left = await world.rows<{ name: string }>("SELECT name FROM sqlite_master WHERE name LIKE '%filesweep%'");
    expect(left).toEqual([]);
  });

  test("uninstall refuses while an answer is awaited", async () => {
    const world = await createWorld(aroundDelete({ after: () => Promise.reject(new Error("the answer was lost")) }));
    await world.upload({ key: "a", expires_at: START });
    await world.run();
    await expect(uninstall(world.client)).rejects.toMatchObject({ kind: "conflict" });
    expect(await tryTo(world.insert({ key: "a" }))).toBe("refused");
  });
});
