/** The Deno door: a real process, with the permissions of `deno task start`, its cron handler called as Deno calls it. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { MINUTE_MS } from "../../../src/core/safety.ts";
import { cronExpression } from "../../../src/cron/deno-schedule.ts";
import { problemOf } from "../../api/support.ts";
import { startHranaServer } from "../../support/hrana-server.ts";
import { type FolderSite, makeFolderSite } from "../folder-site.ts";
import { httpDoor, playScenario, type Request, TOKEN } from "../play-scenario.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** The binary itself: the package's command is a script that passes no signal on. */
const DENO: string = createRequire(import.meta.url)("deno/install_api.cjs").runInstall();

interface DenoService {
  readonly request: Request;
  /** Calls the handler that was given to `Deno.cron`. Answers `tick ok` or `tick exception`. */
  tick(): Promise<string>;
  /** What was registered: name and expression. */
  readonly registered: string;
  stderr(): string;
  end(): Promise<number | null>;
}

/** The permissions of the task, for a site that is elsewhere. */
function permissions(site: FolderSite): string[] {
  const { tasks }: { tasks: { start: string } } = JSON.parse(readFileSync(join(ROOT, "deno.json"), "utf8"));
  const flags = tasks.start.split(" ").filter((word) => word.startsWith("--allow"));
  return flags.map((flag) =>
    flag.replace("=data", `=${site.folder}`).replace("=node_modules", `=${join(ROOT, "node_modules")}`),
  );
}

async function startDeno(site: FolderSite, env: Readonly<Record<string, string>> = {}): Promise<DenoService> {
  const preload = join(ROOT, "test/runtime/deno/cron-on-demand.ts");
  const entry = join(ROOT, "src/cron/deno.ts");
  const args = ["run", "--no-prompt", "--config", join(ROOT, "deno.json"), "--preload", preload];
  const child = spawn(DENO, [...args, ...permissions(site), entry], {
    cwd: site.folder,
    env: { PATH: process.env["PATH"], HOME: process.env["HOME"], PORT: "0", ADMIN_TOKEN: TOKEN, ...site.env, ...env },
  });
  let stderr = "";
  const stdout: string[] = [];
  let heard = (): void => {};
  const ended = new Promise<number | null>((resolve) => {
    child.on("close", (code) => {
      resolve(code);
      heard();
    });
  });
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout.push(...text.split("\n").filter((line) => line !== ""));
    heard();
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
    heard();
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const until = async <T>(look: () => T | undefined): Promise<T> => {
    for (;;) {
      const seen = look();
      if (seen !== undefined) return seen;
      if (child.exitCode !== null) expect.unreachable(`deno ended with ${child.exitCode}:\n${stderr}`);
      await new Promise<void>((resolve) => {
        heard = resolve;
      });
    }
  };
  const url = await until(() => /"url":"([^"]+)"/.exec(stderr)?.[1]);
  const registered = await until(() => stdout.find((line) => line.startsWith("registered ")));
  return {
    request: (path, init) => fetch(`${url}${path}`, init),
    async tick() {
      const before = stdout.length;
      child.stdin.write("\n");
      return until(() => stdout.slice(before).find((line) => line.startsWith("tick ")));
    },
    registered: registered.slice("registered ".length),
    stderr: () => stderr,
    end() {
      child.kill("SIGTERM");
      return ended;
    },
  };
}

it.each(["embedded", "remote"] as const)(
  "a Deno process with its database %s tells of the scenario what is checked in, and ends on SIGTERM",
  async (kind) => {
    const site = await makeFolderSite();
    const remote = kind === "remote" ? await startHranaServer({ fileAt: () => site.database }) : null;
    onTestFinished(() => remote?.close());
    const deno = await startDeno(site, remote === null ? {} : { DATABASE_URL: remote.url });
    expect(deno.registered).toBe("filesweep 17 * * * *");
    await playScenario({
      ...httpDoor(deno.request),
      tick: async () => expect(await deno.tick()).toBe("tick ok"),
      keys: site.keys,
    });
    expect(deno.stderr()).toContain('"event":"hold.waiting"');
    expect(await deno.end()).toBe(0);
    expect(deno.stderr()).toContain('"event":"service.stopped"');
    expect(deno.stderr()).not.toContain(TOKEN);
  },
);

it("sweeps on no timeline but production's", async () => {
  const site = await makeFolderSite();
  const before = await site.keys();
  const deno = await startDeno(site, { DENO_TIMELINE: "git-branch/preview", CLEANUP_FIRST_RUN: "remove" });
  expect(await deno.tick()).toBe("tick ok");
  expect(deno.stderr()).toContain('"event":"schedule.disabled"');
  expect(await site.keys()).toEqual(before);
});

it("does nothing until its settings are right: the first request and the first tick tell all that is wrong", async () => {
  const site = await makeFolderSite();
  const deno = await startDeno(site, { CLEANUP_PAGE_SIZE: "0", CLEANUP_MODES: "plan" });
  const problem = await problemOf(await deno.request("/admin/stats"));
  expect(problem).toMatchObject({ status: 503, kind: "not-configured" });
  expect(await deno.tick()).toBe("tick exception");
  for (const name of ["CLEANUP_PAGE_SIZE", "CLEANUP_MODES"]) {
    expect(problem.detail).toContain(name);
    expect(deno.stderr()).toContain(name);
  }
});

describe("the schedule of Deno.cron", () => {
  it.each([
    [1, "* * * * *"],
    [5, "2-59/5 * * * *"],
    [30, "17-59/30 * * * *"],
    [60, "17 * * * *"],
    [360, "17 */6 * * *"],
    [1440, "17 3 * * *"],
    [10080, "17 3 * * SUN"],
    [7, null],
    [90, null],
    [1.5, null],
  ])("every %d minutes is %s", (minutes, expected) => {
    expect(cronExpression({ kind: "interval", everyMs: minutes * MINUTE_MS })).toBe(expected);
  });

  it("an expression stays as it is", () => {
    expect(cronExpression({ kind: "cron", expression: "30 3 * * MON-FRI" })).toBe("30 3 * * MON-FRI");
  });
});
