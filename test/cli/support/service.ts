/** `filesweep serve`, as a child process that is gone after the test. */
import { onTestFinished } from "vitest";
import { type Site, type Started, start } from "./command.ts";

/** The token of every service of a test. */
export const TOKEN = "0123456789abcdef0123456789abcdef";

export interface Service extends Started {
  readonly url: string;
}

/** On any free port; resolves once it listens. */
export async function startService(site: Site, env: Readonly<Record<string, string>> = {}): Promise<Service> {
  const started = start(site.folder, ["serve"], { PORT: "0", ADMIN_TOKEN: TOKEN, ...env });
  onTestFinished(() => void started.child.kill("SIGKILL"));
  let stderr = "";
  started.child.stderr?.on("data", (text: string) => {
    stderr += text;
  });
  await started.saw('"service.started"');
  return { ...started, url: /"url":"([^"]+)"/.exec(stderr)?.[1] ?? "" };
}
