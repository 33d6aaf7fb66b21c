import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkDemo, type Evidence, liveFilesIntact } from "../../src/cli/demo/checks.ts";
import { demoPlace } from "../../src/cli/demo/commands.ts";
import type { DemoJson } from "../../src/cli/demo/demo-json.ts";
import { demoFolder } from "../../src/cli/demo/folder.ts";
import { makeSample } from "../../src/cli/demo/sample.ts";
import { type DemoResult, playDemo } from "../../src/cli/demo/story.ts";
import type { Io, Output } from "../../src/cli/io.ts";
import { runCommandLine } from "../../src/cli/program.ts";
import { HOUR_MS } from "../../src/core/safety.ts";
import type { Row } from "../../src/database/client.ts";
import { openFileClient } from "../../src/database/embedded-client.ts";
import { plain } from "../support/database.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

let temporary: string;
beforeAll(() => {
  temporary = mkdtempSync(path.join(tmpdir(), "filesweep-demo-test-"));
});
afterAll(() => rmSync(temporary, { recursive: true, force: true }));

interface Captured {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function filesweep(args: readonly string[], hasColors = false): Promise<Captured> {
  const written = { stdout: "", stderr: "" };
  const output = (name: keyof typeof written): Output => ({
    write(text) {
      written[name] += text;
    },
    isTerminal: false,
    hasColors,
  });
  const io: Io = { stdout: output("stdout"), stderr: output("stderr") };
  const code = await runCommandLine(args, io);
  return { code, ...written };
}

async function demoJson(directory: string): Promise<DemoJson> {
  const { code, stdout, stderr } = await filesweep(["demo", directory, "--json"]);
  expect(stderr).toBe("");
  expect(code).toBe(0);
  return JSON.parse(stdout) as DemoJson; // What the command's own type says.
}

async function query(directory: string, sql: string): Promise<Row[]> {
  const client = await openFileClient(path.join(directory, "catalog.db"));
  try {
    return (await client.batch([plain(sql)], "read"))[0] ?? [];
  } finally {
    client.close();
  }
}

/** Every file below a folder but for filesweep's own, counted without any of filesweep's code. */
function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .filter((key) => !key.startsWith(`.filesweep${path.sep}`))
    .sort();
}

describe("filesweep demo", () => {
  let directory: string;
  let uploads: string;
  let demo: DemoJson;
  beforeAll(async () => {
    directory = path.join(temporary, "site");
    uploads = path.join(directory, "uploads");
    demo = await demoJson(directory);
  });

  it("makes about 300 files, and all of its checks hold", () => {
    expect(demo.disk.before.count).toBeGreaterThanOrEqual(280);
    expect(demo.disk.before.count).toBeLessThanOrEqual(320);
    expect(demo.checks.map(({ name, passed }) => [name, passed])).toEqual([
      ["live-files-intact", true],
      ["as-the-rules-say", true],
      ["as-planned", true],
      ["nothing-left-to-do", true],
    ]);
  });

  it("counts what is in the folder, and not what the report says", () => {
    const files = filesBelow(uploads);
    const bytes = files.reduce((sum, key) => sum + statSync(path.join(uploads, key)).size, 0);
    expect(demo.disk.after).toEqual({ count: files.length, bytes });
    const goes = demo.kinds.filter(({ fate }) => fate === "goes");
    const gone = goes.reduce((sum, { count }) => sum + count, 0);
    expect(demo.disk.before.count - demo.disk.after.count).toBe(gone);
    expect(demo.disk.before.bytes - demo.disk.after.bytes).toBe(goes.reduce((sum, { bytes: size }) => sum + size, 0));
  });

  it("keeps every live file byte for byte", async () => {
    const rows = await query(directory, "SELECT key, size_bytes, created_at FROM files WHERE status = 'active'");
    expect(rows.length).toBeGreaterThan(150);
    for (const row of rows) {
      const key = String(row["key"]);
      const bytes = readFileSync(path.join(uploads, key));
      expect(bytes.length, key).toBe(row["size_bytes"]);
      const title = `Made by filesweep demo: ${key}\n`;
      expect(bytes.subarray(0, title.length).toString()).toBe(title);
      expect(bytes.subarray(256, -256).equals(Buffer.alloc(bytes.length - 512)), key).toBe(true);
      expect(
        bytes.subarray(-128).some((byte) => byte !== 0),
        key,
      ).toBe(true);
    }
  });

  // The rules, told once more: neither from the demo's own table nor from what it printed.
  it.each([
    ["expired", "goes", "expired", "removed"],
    ["usedUp", "goes", "used-up", "removed"],
    ["leftOver", "goes", "left-over", "removed"],
    ["orphan", "goes", "unreferenced", "removed"],
    ["newOrphan", "waits", "unreferenced", "suspected"],
    ["live", "stays", "still-protected", null],
    ["extended", "stays", "still-protected", null],
    ["shared", "stays", "still-protected", null],
    ["justUsedUp", "stays", "still-protected", null],
    ["onHold", "stays", "on-hold", null],
    ["unreadable", "stays", "unreadable-time", null],
    ["claimed", "stays", "still-protected", null],
    ["youngOrphan", "stays", "too-young", null],
  ])("%s: %s (%s), in the ledger as %s", async (kind, fate, reason, state) => {
    const groups = demo.kinds.filter((group) => group.kind === kind);
    expect(groups.map((group) => [group.fate, group.reason])).toEqual([[fate, reason]]);
    const keys = groups.flatMap(({ files }) => files.map(({ key }) => key));
    expect(keys.length).toBeGreaterThanOrEqual(2);
    expect(keys.filter((key) => existsSync(path.join(uploads, key))).length).toBe(fate === "goes" ? 0 : keys.length);
    const ledger = await query(
      directory,
      "SELECT key, state, reason FROM filesweep_removals WHERE state <> 'released'",
    );
    const own = ledger.filter((row) => keys.includes(String(row["key"])));
    const wanted = state === null ? [] : keys.map((key) => ({ key, state, reason })).sort(byKey);
    expect(own.map((row) => ({ ...row })).sort(byKey)).toEqual(wanted);
  });

  it("has every kind of file that the table above knows", () => {
    expect(demo.kinds.length).toBe(13);
  });

  it("shows orphans as ripe only because yesterday's run, 25 hours before, saw them first", async () => {
    const { yesterday, plan, removal, again } = demo.runs;
    expect(Date.parse(plan.startedAt) - Date.parse(yesterday.startedAt)).toBeGreaterThanOrEqual(25 * HOUR_MS);
    expect([yesterday.mode, plan.mode, removal.mode, again.mode]).toEqual(["plan", "plan", "remove", "remove"]);
    expect(yesterday.sweeps.map(({ name, suspected }) => [name, suspected.count])).toContainEqual([
      "orphaned-objects",
      20,
    ]);
    const removed = await query(
      directory,
      "SELECT min(finished_at - first_seen_at) AS waited FROM filesweep_removals WHERE reason IN ('unreferenced', 'left-over') AND state = 'removed'",
    );
    expect(removed[0]?.["waited"]).toBeGreaterThanOrEqual(24 * HOUR_MS);
  });

  it("removes nothing before the hold of the first contact is approved", async () => {
    expect(demo.approved).toMatchObject({ cause: "first-contact", status: "approved" });
    expect(demo.runs.yesterday.holds.map(({ id }) => id)).toEqual([demo.approved.id]);
    expect(demo.runs.plan.holds.map(({ id }) => id)).toEqual([demo.approved.id]);
    expect(demo.runs.removal.holds).toEqual([]);
    expect(await query(directory, "SELECT status FROM filesweep_holds")).toMatchObject([{ status: "closed" }]);
  });

  it("ends its runs cleanly, and the second removal does nothing", () => {
    const statuses = Object.values(demo.runs).map(({ status }) => status);
    expect(new Set(statuses)).toEqual(new Set(["completed"]));
    expect(demo.runs.again.sweeps.map(({ removed, failed }) => removed.count + failed.count)).toEqual(
      demo.runs.again.sweeps.map(() => 0),
    );
  });

  it("takes little of the disk, where the file system leaves holes out", () => {
    const onDisk = filesBelow(uploads).reduce((sum, key) => sum + statSync(path.join(uploads, key)).blocks * 512, 0);
    expect(onDisk).toBeLessThan(demo.disk.after.bytes / 20);
  });
});

function byKey(a: { readonly key?: unknown }, b: { readonly key?: unknown }): number {
  return String(a.key) < String(b.key) ? -1 : 1;
}

describe("running the demo again", () => {
  it("starts afresh in its own folder, whatever became of the last one", async () => {
    const directory = path.join(temporary, "again");
    const first = await demoJson(directory);
    const lost = first.kinds.find(({ kind }) => kind === "live")?.files[0]?.key ?? "";
    rmSync(path.join(directory, "uploads", lost));
    writeFileSync(path.join(directory, "catalog.db-wal"), "left by a crash");

    const second = await demoJson(directory);

    expect(second.kinds.map(({ kind, fate, count }) => [kind, fate, count])).toEqual(
      first.kinds.map(({ kind, fate, count }) => [kind, fate, count]),
    );
    expect(existsSync(path.join(directory, "uploads", lost))).toBe(true);
  });

  it("makes the same site at the same instant, and tells it from now", () => {
    const now = Date.UTC(2026, 10, 22, 12);
    expect(makeSample(now)).toEqual(makeSample(now));
    const later = makeSample(now + HOUR_MS);
    expect(later.map(({ modifiedAt }) => modifiedAt - HOUR_MS)).toEqual(
      makeSample(now).map(({ modifiedAt }) => modifiedAt),
    );
    expect(new Set(later.map(({ key }) => key)).size).toBe(later.length);
  });
});

describe("a folder that is not the demo's", () => {
  function folderWith(name: string, files: Readonly<Record<string, string>>): string {
    const directory = path.join(temporary, name);
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(path.dirname(path.join(directory, file)), { recursive: true });
      writeFileSync(path.join(directory, file), text);
    }
    return directory;
  }

  it.each([
    ["with somebody's files", { "uploads/thesis.pdf": "years of work" }, /is not empty, and no demo made it/],
    ["with a marker that is none", { ".filesweep-demo.json": "{", "catalog.db": "mine" }, /no demo made it/],
    ["with another marker", { ".filesweep-demo.json": '{"keys":[]}', "uploads/a": "mine" }, /no demo made it/],
    [
      "of a demo, with a file of somebody's",
      {
        ".filesweep-demo.json": '{"madeBy":"filesweep demo","keys":["2026/07/a.pdf"]}',
        "uploads/2026/07/a.pdf": "the demo's",
        "uploads/2026/07/mine.pdf": "mine",
      },
      /holds files that the demo did not make \(2026\/07\/mine\.pdf\)/,
    ],
  ])("%s is refused, and nothing in it is touched", async (name, files: Record<string, string>, message) => {
    const directory = folderWith(`foreign ${name}`, files);

    const { code, stdout, stderr } = await filesweep(["demo", directory]);

    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toMatch(message);
    expect(filesBelow(directory)).toEqual(Object.keys(files).sort());
    for (const [file, text] of Object.entries(files))
      expect(readFileSync(path.join(directory, file), "utf8")).toBe(text);
  });

  it("is refused where it is a file", async () => {
    writeFileSync(path.join(temporary, "file"), "mine");
    const { code, stderr } = await filesweep(["demo", path.join(temporary, "file")]);
    expect([code, stderr]).toEqual([2, expect.stringContaining("is no folder")]);
  });

  it("may be there, where it is empty", async () => {
    const directory = path.join(temporary, "empty");
    mkdirSync(directory);
    await demoJson(directory);
    expect(readFileSync(path.join(directory, ".gitignore"), "utf8")).toBe("*\n");
  });
});

describe("what a person reads", () => {
  let directory: string;
  let text: string;
  beforeAll(async () => {
    directory = path.join(temporary, "a site's folder");
    text = (await filesweep(["demo", directory])).stdout;
  });

  it("is at most 100 columns wide but for a long folder's name, and plain where there are no colours", () => {
    const lines = text.split("\n").filter((line) => !line.includes(directory.split("'")[0] ?? directory));
    expect(lines.filter((line) => [...line].length > 100)).toEqual([]);
    expect(text).not.toContain("\u001B");
  });

  it("has colours where they are wanted", async () => {
    expect((await filesweep(["demo", directory], true)).stdout).toContain("\u001B[1mToday, the plan");
  });

  it("names each kind, two of its files, and what the checks found", () => {
    for (const wanted of [
      "expired",
      "left over",
      "on hold",
      "holiday-photos.zip",
      "budget.xlsx",
      "✓ all 200 live files",
    ]) {
      expect(text).toContain(wanted);
    }
    expect(text).not.toContain("✗");
  });

  it("ends in commands that work when they are pasted, whatever else the shell has set", () => {
    const bin = path.join(temporary, "bin");
    mkdirSync(bin);
    const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;
    const main = path.join(ROOT, "src/cli/main.ts");
    const npx = `#!/bin/sh\n[ "$1" = filesweep ] || exit 99\nshift\nexec '${process.execPath}' --import '${tsx}' '${main}' "$@"\n`;
    writeFileSync(path.join(bin, "npx"), npx);
    chmodSync(path.join(bin, "npx"), 0o755);
    const env = {
      PATH: `${bin}:${process.env["PATH"]}`,
      DATABASE_URL: "file:./of-a-real-site.db",
      STORAGE_URL: "file:./of-a-real-site",
      LOG_LEVEL: "error",
    };
    const pasted = [...text.matchAll(/^ +DATABASE_URL=(?:.*\\\n)+.*$/gm)].map(([command]) => command);
    expect(pasted.length).toBe(4);

    const [status = "", ledger = "", list = "", run = ""] = pasted.map((command) =>
      execFileSync("/bin/sh", ["-c", command], { env, encoding: "utf8", stdio: "pipe" }),
    );

    expect(status).toContain("5 (");
    expect(status).toContain("suspected");
    expect(ledger).toMatch(/removed +(expired|used-up)/);
    const decisions = list
      .trim()
      .split("\n")
      .map((line) => String(JSON.parse(line)["verdict"]));
    expect(new Set(decisions)).toEqual(new Set(["keep", "suspect"]));
    expect(run).toContain("Nothing was removed");
  });
});

describe("the place of a demo", () => {
  it.each([
    ["/home/anna/filesweep-demo", "/home/anna", "./filesweep-demo", "STORAGE_URL=file:./filesweep-demo/uploads"],
    ["/home/anna", "/home/anna", ".", "STORAGE_URL=file:./uploads"],
    ["/srv/demo", "/home/anna", "/srv/demo", "STORAGE_URL=file:/srv/demo/uploads"],
    ["/home/anna/..demo", "/home/anna", "./..demo", "STORAGE_URL=file:./..demo/uploads"],
    ["/home/anna/~$(date)", "/home/anna", "./~$(date)", "STORAGE_URL='file:./~$(date)/uploads'"],
    ["/home/anna/it's", "/home/anna", "./it's", "STORAGE_URL='file:./it'\\''s/uploads'"],
  ])("%s from %s is %s", (root, cwd, directory, assignment) => {
    const place = demoPlace(demoFolder(root), cwd);
    expect(place.directory).toBe(directory);
    expect(place.commands[0]?.command).toContain(assignment);
  });

  it("breaks a command where it would be too wide", () => {
    const { commands } = demoPlace(demoFolder(`/srv/${"long".repeat(20)}`), "/");
    expect(commands[0]?.command.split("\n").length).toBe(3);
  });
});

describe("the demo's own checks", () => {
  let result: DemoResult;
  let evidence: Evidence;
  beforeAll(async () => {
    const clock = { now: () => Date.now(), monotonicMs: () => performance.now() };
    result = await playDemo(demoFolder(path.join(temporary, "checked")), {
      clock,
      log: () => {},
      host: "test",
      holder: "test",
    });
    const active = result.sample.filter(({ kind }) => kind === "live" || kind === "shared").map(({ key }) => key);
    evidence = { ...result, afterAgain: result.after, active };
  });

  async function failedWith(changed: Partial<Evidence>): Promise<string[]> {
    const checks = await checkDemo({ ...evidence, ...changed });
    return checks.filter(({ passed }) => !passed).map(({ name }) => name);
  }

  function without(key: string): Evidence["after"] {
    return new Map([...result.after].filter(([other]) => other !== key));
  }

  it("hold for what really happened", async () => {
    expect(await failedWith({})).toEqual([]);
  });

  it("notice a live file that is gone without a plan", async () => {
    const key = evidence.active[0] ?? "";
    expect(await failedWith({ after: without(key), afterAgain: without(key) })).toEqual([
      "as-the-rules-say",
      "as-planned",
    ]);
  });

  it("notice a file that was planned and is still there", async () => {
    expect(await failedWith({ after: result.before, afterAgain: result.before })).toEqual([
      "as-the-rules-say",
      "as-planned",
    ]);
  });

  it("notice a second run that removes something", async () => {
    expect(await failedWith({ afterAgain: without(evidence.active[0] ?? "") })).toEqual(["nothing-left-to-do"]);
    const { runs } = result;
    expect(await failedWith({ runs: { ...runs, again: runs.removal } })).toEqual(["nothing-left-to-do"]);
  });

  it("notice an active row without a file of the demo's", async () => {
    expect(await failedWith({ active: [...evidence.active, "2026/01/unknown.pdf"] })).toEqual(["live-files-intact"]);
  });

  it.each([
    ["whose first byte changed", (bytes: Buffer) => Buffer.from(bytes).fill(0, 0, 1)],
    ["whose last byte changed", (bytes: Buffer) => flipped(bytes, bytes.length - 1)],
    ["whose middle changed", (bytes: Buffer) => flipped(bytes, Math.floor(bytes.length / 2))],
    ["that is a byte short", (bytes: Buffer) => bytes.subarray(0, -1)],
    ["that is a byte long", (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc(1)])],
  ])("notice a live file %s", async (_, damage) => {
    const key = evidence.active[3] ?? "";
    const file = path.join(result.folder.uploads, key);
    const bytes = readFileSync(file);
    writeFileSync(file, damage(bytes));
    try {
      expect(await liveFilesIntact(evidence)).toMatchObject({ passed: false, detail: `lost or damaged: ${key}` });
    } finally {
      writeFileSync(file, bytes);
    }
  });

  function flipped(bytes: Buffer, at: number): Buffer {
    const copy = Buffer.from(bytes);
    copy[at] = (copy[at] ?? 0) ^ 1;
    return copy;
  }
});
