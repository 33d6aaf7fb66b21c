/** A real Deno process with the permissions of `deno task start`, whose cron handler a test calls as Deno would. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished } from "vitest";
import type { Request } from "../../api/route-cases.ts";
import type { FolderSite } from "../folder-site.ts";
import { TOKEN } from "../play-scenario.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** The binary itself: the package's command is a script that passes no signal on. */
export const DENO: string = createRequire(import.meta.url)("deno/install_api.cjs").runInstall();

export interface DenoService {
  readonly url: string;
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

export async function startDeno(
  site: FolderSite,
  env: Readonly<Record<string, string>> = {},
  mayHave: (flag: string) => boolean = () => true,
): Promise<DenoService> {
  const preload = join(ROOT, "test/runtime/deno/cron-on-demand.ts");
  const entry = join(ROOT, "src/cron/deno.ts");
  const args = ["run", "--no-prompt", "--config", join(ROOT, "deno.json"), "--preload", preload];
  const child = spawn(DENO, [...args, ...permissions(site).filter(mayHave), entry], {
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
    url,
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
