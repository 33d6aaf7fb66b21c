import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@libsql/client/sqlite3";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import type { Output } from "../../src/cli/io.ts";
import { runCommandLine } from "../../src/cli/program.ts";
import { CHECK_NAMES } from "../../src/core/doctor.ts";
import { snapshot } from "../storage/folder.ts";
import { buildCommand, type Ended, expectNoStack, live, makeSite, type Site, sharingSite } from "./support/command.ts";

buildCommand();

/** A first run is held, as it is where nothing else is set. */
const ASK = { CLEANUP_FIRST_RUN: "hold", LOG_LEVEL: "error" };

const template = mkdtempSync(join(tmpdir(), "filesweep-healthy-"));
afterAll(() => rmSync(template, { recursive: true }));

/** Five live files with their objects; database and store know each other. Made once, and copied. */
async function healthySite(): Promise<Site> {
  if (!existsSync(join(template, "data"))) cpSync((await makeHealthySite()).folder, template, { recursive: true });
  const site = await makeSite({ prepared: false });
  cpSync(template, site.folder, { recursive: true, preserveTimestamps: true });
  return site;
}

async function makeHealthySite(): Promise<Site> {
  const site = await makeSite();
  for (const index of [1, 2, 3, 4, 5]) {
    site.put(`Folder/file ${index}.txt`);
    await site.insert(live(String(index), `Folder/file ${index}.txt`));
  }
  await site.filesweep(["run"]);
  return site;
}

/** Every table of the database, filesweep's own too, and the schema. */
async function dump(site: Site): Promise<unknown> {
  const schema = await site.query("SELECT type, name, sql FROM sqlite_master ORDER BY type, name");
  const tables = schema.filter(({ type, name }) => type === "table" && !String(name).startsWith("sqlite_"));
  const rows = await Promise.all(tables.map(({ name }) => site.query(`SELECT * FROM "${String(name)}" ORDER BY 1`)));
  return { schema, rows };
}

const firstLine = (text: string): string => text.split("\n")[0] ?? "";

describe("filesweep doctor", () => {
  it("of a site without a fault says so, check by check, and exits with 0", async () => {
    const site = await healthySite();
    const { code, stdout, stderr } = await site.filesweep(["doctor"], ASK);
    expect([code, stderr, firstLine(stdout)]).toEqual([0, "", "Nothing is wrong."]);
    const named = [...stdout.matchAll(/^(ok|unknown) +([\w-]+) /gm)].map(([, , name]) => name);
    expect(named).toEqual(CHECK_NAMES);
    expect(stdout).toContain(`database ${site.database}, store ${site.store}`);
  });

  it("tells a program the same in one document", async () => {
    const site = await healthySite();
    const { code, stdout } = await site.filesweep(["doctor", "--json"], ASK);
    const { status, checks } = JSON.parse(stdout);
    expect([code, status]).toEqual([0, "ok"]);
    expect(checks.map(({ name }: { name: string }) => name)).toEqual(CHECK_NAMES);
    expect(Object.keys(checks[0])).toEqual(["name", "status", "kind", "found", "needed", "mend"]);
  });

  it("of a store that was never met warns, and exits with 0: warnings alone are no failure", async () => {
    const site = await sharingSite();
    const { code, stdout } = await site.filesweep(["doctor"], ASK);
    expect(code).toBe(0);
    expect(firstLine(stdout)).toMatch(/^Warning \(identity\): this database and this store have not met/);
    expect(stdout).toContain("filesweep run --plan --list");
  });

  it("writes nothing: neither to the database nor to the store, and makes neither", async () => {
    const site = await sharingSite();
    await site.filesweep(["run"], ASK);
    const before = [await dump(site), snapshot(site.store)];
    await site.filesweep(["doctor"], ASK);
    expect([await dump(site), snapshot(site.store)]).toEqual(before);
    const bare = await makeSite({ prepared: false });
    await bare.filesweep(["doctor"], ASK);
    expect([existsSync(bare.database), existsSync(bare.store)]).toEqual([false, false]);
  });

  it("leaves a database that filesweep has never met as it is", async () => {
    const site = await sharingSite();
    await site.filesweep(["uninstall", "--yes"], ASK);
    const before = await dump(site);
    const { code, stdout } = await site.filesweep(["doctor"], ASK);
    expect([code, await dump(site)]).toEqual([0, before]);
    // Whatever needs filesweep's own tables aside, the statements on the application's table are explained.
    expect(firstLine(stdout)).toMatch(/^Warning \(indexes\): .*catalog\.compare walks a whole table/);
  });
});

interface Broken {
  readonly what: string;
  readonly broken: (site: Site) => Promise<unknown> | unknown;
  readonly env?: Readonly<Record<string, string>>;
  readonly code: number;
  /** The first line that a person reads. */
  readonly says: RegExp;
  /** The line that mends it. */
  readonly mend: RegExp;
}

/** The keys of the rows, rewritten by an SQL expression. */
const rewriteKeys = (expression: string) => (site: Site) => site.query(`UPDATE files SET key = ${expression}`);

const BROKEN: readonly Broken[] = [
  {
    what: "a setting that is misspelt",
    broken: () => {},
    env: { CLEANUP_QUARANTINE_HOUR: "24" },
    code: 2,
    says: /^Problem \(settings\): CLEANUP_QUARANTINE_HOUR .*CLEANUP_QUARANTINE_HOURS/,
    mend: /\.env\.example/,
  },
  {
    what: "the wrong folder for the store",
    broken: () => {},
    env: { STORAGE_URL: "file:/srv/data/uplaods" },
    code: 5,
    says: /^Problem \(store\): there is no folder \/srv\/data\/uplaods\. Set STORAGE_URL/,
    mend: /STORAGE_URL/,
  },
  {
    what: "a file in the place of the store",
    broken: ({ store }) => {
      rmSync(store, { recursive: true });
      writeFileSync(store, "");
    },
    code: 5,
    says: /^Problem \(store\): cannot use the folder .*: it is a file; a directory is wanted/,
    mend: /STORAGE_URL/,
  },
  {
    what: "a database that is not there",
    broken: () => {},
    env: { DATABASE_URL: "file:/srv/data/app.db" },
    code: 5,
    says: /^Problem \(database\): there is no database at \/srv\/data\/app\.db; set DATABASE_URL/,
    mend: /DATABASE_URL/,
  },
  {
    what: "a file that is no database",
    broken: ({ database }) => {
      for (const suffix of ["-wal", "-shm"]) rmSync(database + suffix, { force: true });
      writeFileSync(database, "this is no database, but a text of some length ".repeat(50));
    },
    code: 5,
    says: /^Problem \(database\): .*filesweep\.db is not a readable SQLite database/,
    mend: /DATABASE_URL/,
  },
  {
    what: "another table of the name",
    broken: async (site) => {
      await site.filesweep(["uninstall", "--yes"]);
      await site.query("DROP TABLE files");
      await site.query("CREATE TABLE files (id TEXT PRIMARY KEY, path TEXT)");
    },
    code: 2,
    says: /^Problem \(table\): .*"files" has another shape.*key.*missing/,
    mend: /CATALOG_COLUMNS=/,
  },
  {
    what: "a column that was renamed",
    broken: async (site) => {
      await site.filesweep(["uninstall", "--yes"]);
      await site.query("ALTER TABLE files RENAME COLUMN expires_at TO expires_on");
    },
    code: 2,
    says: /^Problem \(table\): .*expires_at/,
    mend: /CATALOG_COLUMNS=/,
  },
  {
    what: "a prefix that has to be stripped",
    broken: rewriteKeys("'uploads/' || key"),
    code: 2,
    says: /^Problem \(keys\): a prefix has to be stripped.*"uploads\/Folder\/file 1\.txt" where the store has "Folder\/file 1\.txt"/,
    mend: /CATALOG_KEY_PREFIX=uploads\//,
  },
  {
    what: "whole addresses for keys",
    broken: rewriteKeys("'https://cdn.example.org/f/' || key"),
    code: 2,
    says: /^Problem \(keys\): a prefix has to be stripped/,
    mend: /CATALOG_KEY_PREFIX=https:\/\/cdn\.example\.org\/f\//,
  },
  {
    what: "a leading slash",
    broken: rewriteKeys("'/' || key"),
    code: 2,
    says: /^Problem \(keys\): the keys of the table begin with a slash/,
    mend: /CATALOG_KEY_PREFIX=\//,
  },
  {
    what: "keys that are URL-encoded",
    broken: rewriteKeys("replace(key, ' ', '%20')"),
    code: 2,
    says: /^Problem \(keys\): the keys of the table are URL-encoded/,
    mend: /exact keys/,
  },
  {
    what: "keys in another case",
    broken: rewriteKeys("lower(key)"),
    code: 2,
    says: /^Problem \(keys\): the keys of table and store differ in upper and lower case/,
    mend: /exact keys/,
  },
  {
    what: "a store that begins further up",
    broken: rewriteKeys("substr(key, 8)"),
    code: 2,
    says: /^Problem \(keys\): the store begins further up than the table's keys/,
    mend: /STORAGE_URL with Folder\/ at its end/,
  },
  {
    what: "another application's store",
    broken: (site) => {
      renameSync(join(site.store, "Folder"), join(site.folder, "elsewhere"));
      site.put("something/else.bin");
    },
    code: 2,
    says: /^Problem \(keys\): no key of the table is in this store, and no object of it is in the table/,
    mend: /STORAGE_URL \(another bucket or folder\?\)/,
  },
  {
    what: "a trigger of the gate that was dropped",
    broken: (site) => site.query("DROP TRIGGER filesweep_gate_files_update"),
    code: 3,
    says: /^Problem \(gate\): a trigger of the gate is gone/,
    mend: /filesweep migrate/,
  },
  {
    what: "another instance's store",
    broken: (site) =>
      writeFileSync(join(site.store, ".filesweep/identity.json"), '{"filesweep":1,"instance":"other","epoch":1}\n'),
    code: 3,
    says: /^Problem \(identity\): the store carries the identity marker of another database/,
    mend: /DATABASE_URL or STORAGE_URL/,
  },
  {
    what: "a database that was restored from a backup",
    broken: (site) => {
      const marker = join(site.store, ".filesweep/identity.json");
      const content = JSON.parse(readFileSync(marker, "utf8"));
      writeFileSync(marker, JSON.stringify({ ...content, epoch: content.epoch + 5 }));
    },
    code: 3,
    says: /^Problem \(identity\): the store has seen later runs than this database/,
    mend: /filesweep doctor --restored/,
  },
  {
    what: "an index that is missing",
    broken: (site) => site.query("DROP INDEX filesweep_files_key"),
    code: 0,
    says: /^Warning \(indexes\): .*walks a whole table/,
    mend: /filesweep doctor --create-indexes/,
  },
  {
    what: "times that cannot be read",
    broken: (site) => site.query("UPDATE files SET expires_at = 'soon' WHERE id <= '2'"),
    code: 0,
    says: /^Warning \(times\): expires_at: 2 of 5 \(40 %\) cannot be read, such as "soon"/,
    mend: /CATALOG_TIME/,
  },
  {
    what: "no quarantine",
    broken: () => {},
    env: { CLEANUP_QUARANTINE_HOURS: "0" },
    code: 0,
    says: /^Warning \(quarantine\): CLEANUP_QUARANTINE_HOURS is 0/,
    mend: /CLEANUP_QUARANTINE_HOURS=24/,
  },
];

/** The command in this process, which is a second faster for each of many. */
async function doctor(
  site: Site,
  env: Readonly<Record<string, string>> = {},
  more: readonly string[] = [],
  answer?: boolean,
): Promise<Ended> {
  const places = { DATABASE_URL: `file:${site.database}`, STORAGE_URL: `file:${site.store}` };
  for (const [name, value] of Object.entries({ ...ASK, ...places, ...env })) vi.stubEnv(name, value);
  const said = { stdout: "", stderr: "" };
  const output = (stream: keyof typeof said): Output => ({
    write: (text) => {
      said[stream] += text;
    },
    isTerminal: false,
    hasColors: false,
  });
  const streams = { stdout: output("stdout"), stderr: output("stderr") };
  const io = answer === undefined ? streams : { ...streams, confirm: () => Promise.resolve(answer) };
  const code = await runCommandLine(["doctor", ...more], io);
  return { code, ...said };
}
afterEach(() => vi.unstubAllEnvs());

describe("doctor, of a site with one fault, names it in the first line, and what mends it:", () => {
  it.each(BROKEN)("$what", async ({ broken, env, code, says, mend }) => {
    const site = await healthySite();
    await broken(site);
    const ended = await doctor(site, env);
    expectNoStack({ ...ended, stdout: ended.stdout.replace(/EXPLAIN|CREATE INDEX.*/g, "") });
    expect(firstLine(ended.stdout)).toMatch(says);
    expect(ended.stdout).toMatch(new RegExp(`mend: +\\n?.*${mend.source}`));
    expect(ended.code).toBe(code);
  });

  it("a database that another process keeps locked", async () => {
    const site = await healthySite();
    const other = createClient({ url: `file:${site.database}` });
    const lock = await other.transaction("write");
    const { code, stdout } = await doctor(site);
    await lock.rollback();
    other.close();
    expect([code, firstLine(stdout)]).toEqual([
      5,
      expect.stringMatching(/^Problem \(database\): another process kept/),
    ]);
  }, 30_000);
});

/** The application's own table, which filesweep has never met; its bytes lie where its paths say. */
async function mappedSite(): Promise<Site> {
  const site = await makeSite({ prepared: false });
  mkdirSync(site.store, { recursive: true });
  await site.query("CREATE TABLE uploads (id INTEGER PRIMARY KEY, path TEXT, state TEXT, expires INTEGER)");
  for (const id of [1, 2, 3, 4]) {
    site.put(`${id}.bin`);
    await site.query("INSERT INTO uploads VALUES (?, ?, 'ok', NULL)", [id, `media/${id}.bin`]);
  }
  return site;
}

const MAPPED = {
  CATALOG_TABLE: "uploads",
  CATALOG_COLUMNS: '{"id":"id","key":"path","status":"state","expiresAt":"expires"}',
  CATALOG_STATUS: '{"live":["ok"],"expired":"gone"}',
  CATALOG_KEY_PREFIX: "media/",
};

describe("doctor, of a mapped table,", () => {
  it.each<[string, Record<string, string>, number, RegExp]>([
    [
      "a table that is misspelt",
      { CATALOG_TABLE: "upload" },
      2,
      /^Problem \(table\): .*"upload".*did you mean "uploads"/s,
    ],
    [
      "a column that is misspelt",
      { CATALOG_COLUMNS: MAPPED.CATALOG_COLUMNS.replace("path", "paht") },
      2,
      /^Problem \(table\): .*"paht" for key.*did you mean "path"/s,
    ],
    ["a prefix that is not stripped", { CATALOG_KEY_PREFIX: "" }, 2, /^Problem \(keys\): a prefix has to be stripped/],
    [
      "a prefix that no key has",
      { CATALOG_KEY_PREFIX: "files/" },
      2,
      /^Problem \(keys\): of 4 live rows 4 name no key/,
    ],
    [
      "no status that is live",
      { CATALOG_STATUS: '{"live":["active"],"expired":"gone"}' },
      0,
      /^Warning \(table\): .*none is live/,
    ],
    ["what is as it should be, but for its indexes", {}, 0, /^Warning \(indexes\): .*catalog\.due walks a whole table/],
  ])("names in the first line %s", async (_, env, code, says) => {
    const ended = await doctor(await mappedSite(), { ...MAPPED, ...env });
    expect(firstLine(ended.stdout)).toMatch(says);
    expect(ended.code).toBe(code);
  });

  it("creates the indexes that its statements need, and installs the gate, when it is told to", async () => {
    const site = await mappedSite();
    for (const option of ["--create-indexes", "--install-gate"]) {
      expect((await site.filesweep(["doctor", option], { ...ASK, ...MAPPED })).code).toBe(0);
    }
    const { stdout } = await doctor(site, MAPPED);
    expect(firstLine(stdout)).toMatch(/^Warning \(identity\)/);
    expect(stdout).toMatch(/^ok +indexes/m);
    expect(stdout).toMatch(/^ok +gate/m);
    expect((await site.filesweep(["uninstall", "--yes"], { ...ASK, ...MAPPED })).code).toBe(0);
    expect(await site.query("SELECT name FROM sqlite_master WHERE name <> 'uploads'")).toEqual([]);
  });
});

describe("doctor, told to do something,", () => {
  const GATE = "SELECT name FROM sqlite_master WHERE type = 'trigger' ORDER BY name";

  it.each([
    ["--install-gate", "DROP TRIGGER filesweep_gate_files_insert", "CREATE TRIGGER", GATE, 2],
    ["--remove-gate", "SELECT 1", "DROP TRIGGER", GATE, 0],
    [
      "--create-indexes",
      "DROP INDEX filesweep_files_due",
      "CREATE INDEX",
      "SELECT name FROM sqlite_master WHERE name = 'filesweep_files_due'",
      1,
    ],
  ])("%s prints its SQL and does it: naming it is asking for it", async (option, broken, prints, look, count) => {
    const site = await makeSite();
    await site.query(broken);
    const done = await site.filesweep(["doctor", option], ASK);
    expect(done).toMatchObject({ code: 0, stderr: expect.stringMatching(/^Done\./) });
    expect(done.stdout).toContain(prints);
    expect(await site.query(look)).toHaveLength(count);
    expect((await site.filesweep(["doctor", option], ASK)).stdout).toMatch(/: nothing to do\.\n$/);
    const again = await site.filesweep(["doctor", option, "--json"], ASK);
    expect(JSON.parse(again.stdout)).toEqual({ applied: false, statements: [] });
  });

  it.each([
    ["yes", [], /^Done\./, 1],
    ["no", [], /^Nothing was changed\.\n$/, 0],
    ["no", ["--yes"], /^Done\./, 1],
    ["no", ["--json"], /^$/, 1],
  ] as const)("asks the person at a terminal: answered with %s, told %j", async (answer, more, says, count) => {
    const site = await makeSite();
    await site.query("DROP INDEX filesweep_files_due");
    const ended = await doctor(site, {}, ["--create-indexes", ...more], answer === "yes");
    expect(ended).toMatchObject({ code: 0, stderr: expect.stringMatching(says) });
    expect(await site.query("SELECT name FROM sqlite_master WHERE name = 'filesweep_files_due'")).toHaveLength(count);
  });

  it("creates the indexes under which nothing walks the table any more", async () => {
    const site = await healthySite();
    for (const name of ["key", "due", "used_up", "downloaded"]) await site.query(`DROP INDEX filesweep_files_${name}`);
    expect(firstLine((await site.filesweep(["doctor"], ASK)).stdout)).toMatch(/^Warning \(indexes\)/);
    const done = await site.filesweep(["doctor", "--create-indexes", "--yes", "--json"], ASK);
    expect(JSON.parse(done.stdout)).toMatchObject({ applied: true });
    expect(firstLine((await site.filesweep(["doctor"], ASK)).stdout)).toBe("Nothing is wrong.");
  });

  it("does several things at once, but for installing what it is to remove", async () => {
    const site = await makeSite();
    await site.query("DROP TRIGGER filesweep_gate_files_insert");
    await site.query("DROP INDEX filesweep_files_due");
    const both = await site.filesweep(["doctor", "--install-gate", "--create-indexes", "--yes", "--json"], ASK);
    const { applied, statements } = JSON.parse(both.stdout);
    expect([applied, statements.join()]).toEqual([true, expect.stringMatching(/CREATE TRIGGER.*CREATE INDEX/s)]);
    expect((await doctor(site)).stdout).toMatch(/^ok +indexes.*\n^ok +gate/m);
    expect((await site.filesweep(["doctor", "--install-gate", "--remove-gate"], ASK)).code).toBe(2);
  });

  it("--restored tells that the database was put back: the next run is not held for it", async () => {
    const site = await healthySite();
    const marker = join(site.store, ".filesweep/identity.json");
    const content = JSON.parse(readFileSync(marker, "utf8"));
    writeFileSync(marker, JSON.stringify({ ...content, epoch: content.epoch + 5 }));
    expect((await site.filesweep(["run"], ASK)).code).toBe(3);
    const told = await site.filesweep(["doctor", "--restored"], ASK);
    expect([told.code, told.stdout]).toEqual([0, expect.stringContaining("filesweep_removals")]);
    const { code, stdout } = await site.filesweep(["run", "--json"], ASK);
    expect([code, JSON.parse(stdout).status]).toEqual([0, "completed"]);
    expect(JSON.parse(readFileSync(marker, "utf8"))).toEqual({ ...content, epoch: content.epoch + 6 });
  });

  it("--restored waits for whoever is at work", async () => {
    const site = await healthySite();
    await site.query("UPDATE filesweep_lease SET expires_at = ?", [Date.now() + 60_000]);
    const before = await site.query("SELECT * FROM filesweep_meta");
    expect((await site.filesweep(["doctor", "--restored", "--yes"], ASK)).code).toBe(4);
    expect(await site.query("SELECT * FROM filesweep_meta")).toEqual(before);
  });

  it("--restored of a database without filesweep's tables has nothing to say, and exits with 2", async () => {
    const site = await makeSite();
    await site.filesweep(["uninstall", "--yes"], ASK);
    mkdirSync(site.store, { recursive: true });
    expect((await site.filesweep(["doctor", "--restored", "--yes"], ASK)).code).toBe(2);
  });
});
