/** Commands that a person can paste after a demo. Pure. */
import path from "node:path";
import { type DemoPlace, WIDTH } from "./demo-text.ts";
import type { DemoFolder } from "./folder.ts";

/**
 * The folder as a person names it from `cwd`, and commands for it. Each names database and store itself: a shell that
 * has those of a real site set is not to run `filesweep` on a mixture of the two.
 */
export function demoPlace(folder: DemoFolder, cwd: string): DemoPlace {
  const database = assignment("DATABASE_URL", fileUrl(folder.database, cwd));
  const storage = assignment("STORAGE_URL", fileUrl(folder.uploads, cwd));
  const command = (shows: string, words: string): DemoPlace["commands"][number] => ({
    shows,
    command: wrapped(database, storage, `npx filesweep ${words}`),
  });
  return {
    directory: shortest(folder.root, cwd),
    commands: [
      command("the last run, and what is open", "status"),
      command("some of what went, and why", "removals --state removed --limit 10"),
      command("every decision, one JSON object a line", "run --plan --list"),
      command("remove again: in an hour what was just used up goes, tomorrow the orphans seen once", "run"),
    ],
  };
}

/** The path from `cwd` where it lies below, otherwise the absolute one. */
function shortest(absolute: string, cwd: string): string {
  const relative = path.relative(cwd, absolute);
  if (relative === "") return ".";
  const outside = relative === ".." || relative.startsWith(`..${path.sep}`) || path.isAbsolute(relative);
  return outside ? absolute : `.${path.sep}${relative}`;
}

function fileUrl(absolute: string, cwd: string): string {
  return `file:${shortest(absolute, cwd)}`;
}

/** `NAME=value` as a POSIX shell takes it. */
function assignment(name: string, value: string): string {
  return `${name}=${/^[\w@%+=:,./-]+$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`}`;
}

function wrapped(database: string, storage: string, rest: string): string {
  const places = `${database} ${storage} \\`;
  return places.length + 2 <= WIDTH ? `${places}\n  ${rest}` : `${database} \\\n  ${storage} \\\n  ${rest}`;
}
