/** docs/node.md and docs/deno.md as a stranger follows them, and the files that it hands out. */
import { execFile, spawn } from "node:child_process";
import { copyFileSync, existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { basename, dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { renderMetrics } from "../src/api/metrics.ts";
import { EXIT } from "../src/cli/exit-code.ts";
import { emptyProgress } from "../src/core/report.ts";
import { SETTING_NAMES } from "../src/core/settings.ts";
import { NO_TOTALS, totalsWith } from "../src/core/totals.ts";
import { buildCommand } from "./cli/support/command.ts";
import { DENO } from "./runtime/deno/start-deno.ts";
import { temporaryFolder } from "./support/database.ts";
import { START } from "./support/fake-clock.ts";
import { freshEntry, openHold } from "./support/ports.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const GUIDE = readFileSync(join(ROOT, "docs/node.md"), "utf8");
const EXAMPLES = join(ROOT, "examples/node");
const read = (name: string): string => readFileSync(join(EXAMPLES, name), "utf8");

const built = buildCommand();

/** The guide waits a little for the first run; a machine that is busy with tests may need more. */
const PAUSE = /^sleep 6$/m;
const HELD = `until node dist/cli/main.js --env-file .env status | grep -q Held; do sleep 1; done`;

describe("docs/node.md", () => {
  it("leads from a clone to the first approved run, to the letter", async () => {
    const blocks = [...GUIDE.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, body]) => body ?? "");
    expect(blocks[0]).toBe("npm ci\n");
    const folder = temporaryFolder();
    // What `npm ci` leaves in a clone: the build, what it needs, and a command by the package's name.
    for (const name of ["dist", "node_modules"]) symlinkSync(join(built, name), join(folder, name));
    copyFileSync(join(ROOT, "package.json"), join(folder, "package.json"));
    const port = await freePort();
    // In a clone npx finds the clone's own command; elsewhere it would ask the registry.
    const commands = blocks
      .slice(1)
      .join("\n")
      .replaceAll("npx filesweep", "node dist/cli/main.js")
      .replace(PAUSE, HELD);
    // Whatever goes wrong, the service goes too: it would keep the output open.
    expect(blocks.join("")).toMatch(PAUSE);
    const script = `set -um\ntrap 'kill -9 $(jobs -p) 2>/dev/null || true' EXIT\n${commands.replaceAll("8787", port)}`;
    const { code, output } = await bash(folder, script, port);
    expect(output).toContain('{"status":"up"}');
    expect(output).toMatch(/"lastRun":\{[^}]*"status":"held"/);
    expect(output).toContain("Held (first-contact)");
    expect(output).toMatch(/Approved first-contact until/);
    expect(output).toMatch(/suspected.*\n?.*unreferenced.*left-behind\.txt/);
    expect(output).toContain("service.stopped");
    expect(code).toBe(0);
  });

  it("names settings that there are, and files that are there", () => {
    const named = GUIDE.match(/\b(?:CLEANUP|STORAGE|DATABASE|ADMIN|METRICS|NOTIFY|PUBLIC|FILESWEEP)_[A-Z_]+\b/g) ?? [];
    expect(named.length).toBeGreaterThan(8);
    expect(named.filter((name) => !SETTING_NAMES.includes(name))).toEqual([]);
    const linked = [...GUIDE.matchAll(/\]\(([^)#:]+)\)/g)].map(([, target]) => target ?? "");
    expect(linked.length).toBeGreaterThan(6);
    expect(linked.filter((target) => !existsSync(join(ROOT, "docs", target)))).toEqual([]);
    const handedOut = linked.map((target) => basename(target));
    expect(readdirSync(EXAMPLES).filter((name) => !handedOut.includes(name))).toEqual([]);
  });
});

describe("docs/deno.md", () => {
  it("leads from a clone to the first approved run, to the letter", async () => {
    const guide = readFileSync(join(ROOT, "docs/deno.md"), "utf8");
    const blocks = [...guide.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, body]) => body ?? "");
    expect(blocks[0]).toBe("npm ci\n");
    const folder = temporaryFolder();
    // What `npm ci` leaves in a clone. Deno goes by where the native code really is.
    for (const name of ["src", "node_modules", "package.json"]) symlinkSync(join(ROOT, name), join(folder, name));
    const tasks = readFileSync(join(ROOT, "deno.json"), "utf8");
    writeFileSync(join(folder, "deno.json"), tasks.replaceAll("=node_modules", `=${join(ROOT, "node_modules")}`));
    const port = await freePort();
    const commands = blocks.slice(1).join("\n").replaceAll("8787", port);
    const script = `set -um\ntrap 'kill -9 $(jobs -p) 2>/dev/null || true' EXIT\n${commands}`;
    const { code, output } = await bash(folder, script, port, `${dirname(DENO)}:${process.env["PATH"]}`);
    expect(output).toMatch(/"mode":"remove","status":"held"/);
    expect(output).toContain('"cause":"first-contact"');
    expect(output).toMatch(/"status":"completed"/);
    expect(output).toMatch(/"key":"left-behind\.txt","state":"suspected"/);
    expect(output).toContain('"event":"service.stopped"');
    expect(code).toBe(0);
  });
});

function bash(
  folder: string,
  script: string,
  port: string,
  path = process.env["PATH"],
): Promise<{ code: number | null; output: string }> {
  const env = { PATH: path, HOME: folder, PORT: port, npm_config_update_notifier: "false" };
  const child = spawn("bash", ["-c", script], { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
  const parts: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => parts.push(String(text)));
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, output: parts.join("") })));
}

async function freePort(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? String(address.port) : "";
}

describe("the units for systemd", () => {
  const UNITS = readdirSync(EXAMPLES).filter((name) => /\.(service|timer)$/.test(name));

  it.each(UNITS)("%s is made of sections and settings", (name) => {
    const lines = read(name)
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"));
    expect(lines.filter((line) => !/^\[(Unit|Service|Timer|Install)\]$|^[A-Z]\w+=\S/.test(line))).toEqual([]);
  });

  it("a run that is held, leased elsewhere or stopped early is a success", () => {
    const codes = [EXIT.held, EXIT.leaseHeld, EXIT.stoppedEarly];
    expect(read("filesweep-run.service")).toContain(`SuccessExitStatus=${codes.join(" ")}\n`);
    expect(read("cronjob.yaml")).toContain(`case $code in ${codes.join(" | ")}) exit 0 ;;`);
  });

  it("systemd itself takes them, where it is there", async () => {
    const tool = ["/usr/bin/systemd-analyze", "/bin/systemd-analyze"].find((path) => existsSync(path));
    // Without systemd the test above is what there is.
    if (tool === undefined) return expect(UNITS.length).toBeGreaterThan(0);
    const { stderr } = await promisify(execFile)(tool, ["verify", ...UNITS.map((name) => join(EXAMPLES, name))]);
    expect(stderr).toBe("");
  });
});

describe("the files for Kubernetes", () => {
  it.each(["cronjob.yaml", "deployment.yaml"])("%s is YAML, without a user that is root", (name) => {
    const [document, ...others] = parseAllDocuments(read(name));
    expect([document?.errors, others]).toEqual([[], []]);
    const data = document?.toJS();
    const spec = data.kind === "CronJob" ? data.spec.jobTemplate.spec.template.spec : data.spec.template.spec;
    expect(spec.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 1000 });
    expect(spec.containers[0].volumeMounts[0].name).toBe(spec.volumes[0].name);
  });

  it("runs do not overlap, and one that failed is left to the next", () => {
    const { spec } = parse(read("cronjob.yaml"));
    expect([spec.concurrencyPolicy, spec.jobTemplate.spec.backoffLimit]).toEqual(["Forbid", 0]);
    expect(spec.jobTemplate.spec.template.spec.restartPolicy).toBe("Never");
  });
});

describe("the Dockerfile", () => {
  const text = readFileSync(join(ROOT, "Dockerfile"), "utf8");

  it("is on Debian slim, runs as nobody in particular, and knows whether it is well", () => {
    expect([...text.matchAll(/^FROM (\S+)/gm)].map(([, image]) => image)).toEqual(["node:20-slim", "node:20-slim"]);
    expect(text.indexOf("\nUSER node\n")).toBeGreaterThan(text.lastIndexOf("\nRUN "));
    expect(text).toMatch(/^HEALTHCHECK .*\\\n {2}CMD \[.*\/healthz.*\]$/m);
  });

  it("copies what is there, and lets through what it copies", () => {
    const copied = [...text.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, names]) => (names ?? "").split(" "));
    const let_ = readFileSync(join(ROOT, ".dockerignore"), "utf8").split("\n");
    for (const name of copied.map((one) => one.replace("./", ""))) {
      expect(existsSync(join(ROOT, name)), name).toBe(true);
      expect(let_, name).toContain(`!${name}`);
    }
  });

  it("asks for health in a way that Node understands", async () => {
    const [, json = "[]"] = /^ {2}CMD (\[.*\])$/m.exec(text) ?? [];
    const [command, ...args] = JSON.parse(json) as string[];
    expect(command).toBe("node");
    const port = await freePort();
    // Nobody listens there: it says so with its exit code, and with nothing else.
    await expect(
      promisify(execFile)(process.execPath, args, { env: { ...process.env, PORT: port } }),
    ).rejects.toMatchObject({ code: 1, stderr: "" });
  });
});

describe("what is watched", () => {
  /** Every metric that there may be. */
  const sweep = emptyProgress("expired-files");
  sweep.report.kept.held = { count: 1, bytes: 1 };
  const calls = { database: 1, storage: 1, rows: { read: 1, written: 1 } };
  const entry = freshEntry("run-1", { status: "failed", finishedAt: START, sweeps: [sweep], calls });
  const totals = {
    ...totalsWith(NO_TOTALS, null, entry),
    missing: { count: 1, bytes: 1 },
    lastSuccessAt: { remove: 1, plan: 1 },
  };
  const lastRun = { ...entry, sweeps: [] };
  const text = renderMetrics({ totals, lastRun, open: {}, holds: [openHold("hold")] }, START);
  const known = new Set([...text.matchAll(/^(filesweep_\w+)/gm)].map(([, name]) => name ?? ""));

  function namesIn(expression: string): string[] {
    return expression.match(/\bfilesweep_\w+/g) ?? [];
  }

  it("alerts are about metrics that there are, and say what to do", () => {
    const { groups } = parse(readFileSync(join(ROOT, "docs/prometheus-rules.yml"), "utf8"));
    const rules: { alert: string; expr: string; annotations: Record<string, string> }[] = groups[0].rules;
    expect(rules.length).toBeGreaterThan(5);
    for (const { alert, expr, annotations } of rules) {
      expect(alert).toMatch(/^Filesweep[A-Z]/);
      expect(
        namesIn(expr).filter((name) => !known.has(name)),
        alert,
      ).toEqual([]);
      expect(Object.keys(annotations)).toEqual(["summary", "description"]);
    }
    const tested = readFileSync(join(ROOT, "docs/prometheus-rules.test.yml"), "utf8");
    expect(rules.filter(({ alert }) => !tested.includes(`alertname: ${alert}\n`))).toEqual([]);
  });

  it("panels of the dashboard are about metrics that there are", () => {
    const { panels } = JSON.parse(readFileSync(join(ROOT, "docs/grafana-dashboard.json"), "utf8"));
    const expressions: string[] = panels.flatMap(({ targets }: { targets: { expr: string }[] }) =>
      targets.map(({ expr }) => expr),
    );
    expect(expressions.length).toBeGreaterThan(10);
    expect(expressions.flatMap(namesIn).filter((name) => !known.has(name))).toEqual([]);
  });
});
