/** `filesweep removals`: the ledger, and what a person decides about one of its removals. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { counted } from "../../core/documents/numbers.ts";
import { toRemovalJson } from "../../core/documents/removal.ts";
import { isSweepError } from "../../core/errors.ts";
import { REMOVAL_REASONS, REMOVAL_STATES, type RemovalReason, type RemovalState } from "../../core/model.ts";
import type { RemovalFilter } from "../../core/ports.ts";
import { describeError } from "../../library/describe-error.ts";
import type { CommandLine } from "../command-line.ts";
import type { CommandSweeper } from "../command-sweeper.ts";
import { withSweeper } from "../compose.ts";
import { usageError } from "../describe-error.ts";
import { EXIT, type ExitCode, exitCodeOf, firstOf } from "../exit-code.ts";
import { jsonDocument } from "../format/documents.ts";
import { painter } from "../format/paint.ts";
import { removalsTable } from "../format/removal-text.ts";

interface ListOptions {
  readonly state?: RemovalState;
  readonly reason?: RemovalReason;
  readonly run?: string;
  readonly key?: string;
  readonly after?: string;
  readonly limit: number;
  readonly json?: true;
}

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 500;

export function addRemovals(program: Command, cli: CommandLine): void {
  const removals = program
    .command("removals")
    .summary("list the ledger: what is to go, what went, and why")
    .description("Lists removals, the newest first: what is to go, what went, and why.")
    .addOption(new Option("--state <state>", "of this state alone").choices(REMOVAL_STATES))
    .addOption(new Option("--reason <reason>", "for this reason alone").choices(REMOVAL_REASONS))
    .option("--run <id>", "of this run alone")
    .option("--key <prefix>", "whose key begins so")
    .option("--after <id>", "those behind this removal, where a list went on")
    .option("--limit <n>", `at most so many, from 1 to ${MAX_LIMIT}`, toLimit, DEFAULT_LIMIT)
    .option("--json", "print one JSON document")
    .action(async (options: ListOptions) => cli.finish(await list(cli, options)));
  addDecision(removals, cli, {
    name: "release",
    summary: "keep the object, until it changes or disappears",
    done: "Released",
    decide: (sweeper, id) => sweeper.release(id),
  });
  addDecision(removals, cli, {
    name: "retry",
    summary: "try a failed or abandoned removal again",
    done: "Due again",
    decide: (sweeper, id) => sweeper.retry(id),
  });
}

function toLimit(given: string): number {
  const limit = /^\d+$/.test(given) ? Number(given) : 0;
  if (limit < 1 || limit > MAX_LIMIT) throw new InvalidArgumentError(`It is a whole number from 1 to ${MAX_LIMIT}.`);
  return limit;
}

async function list(cli: CommandLine, options: ListOptions): Promise<ExitCode> {
  const { state, reason, run, key, after, limit, json } = options;
  const filter: RemovalFilter = {
    ...(state !== undefined && { state }),
    ...(reason !== undefined && { reason }),
    ...(run !== undefined && { runId: run }),
    ...(key !== undefined && { keyPrefix: key }),
    ...(after !== undefined && { after }),
    limit,
  };
  const { items: shown, next: nextCursor } = await withSweeper(await cli.setup("anywhere"), "to-ask", (sweeper) =>
    sweeper.removals(filter),
  );
  const { stdout } = cli.io;
  if (json) stdout.write(jsonDocument({ items: shown.map(toRemovalJson), nextCursor }));
  else if (shown.length === 0 && nextCursor === null) stdout.write("No removals.\n");
  else {
    if (shown.length > 0) stdout.write(`${removalsTable(shown, painter(stdout.hasColors))}\n`);
    if (nextCursor !== null) stdout.write(`There are more: filesweep removals --after ${nextCursor}\n`);
  }
  return EXIT.done;
}

// --------------------------------------------------------------------------------------------------------- decisions

interface Decision {
  readonly name: "release" | "retry";
  readonly summary: string;
  /** What is said of each id that it was done for. */
  readonly done: string;
  decide(sweeper: CommandSweeper, id: string): Promise<void>;
}

interface Refused {
  readonly id: string;
  readonly error: unknown;
}

function addDecision(removals: Command, cli: CommandLine, decision: Decision): void {
  removals
    .command(decision.name)
    .summary(decision.summary)
    .description(`For each of the removals: ${decision.summary}. One that this cannot be done for stops no other.`)
    .argument("<id...>", "the removals' ids")
    .option("--json", "print one JSON document")
    .action(async (ids: readonly string[], options: { json?: true }, command: Command) => {
      const ignored = Object.entries(command.parent?.opts() ?? {}).filter(
        ([name]) => command.parent?.getOptionValueSource(name) === "cli" && name !== "json",
      );
      if (ignored.length > 0) throw usageError(`removals ${decision.name} takes ids, and no --${ignored[0]?.[0]}`);
      const json = options.json ?? command.parent?.opts<{ json?: true }>().json;
      cli.finish(await decideAll(cli, decision, [...new Set(ids)], json === true));
    });
}

async function decideAll(cli: CommandLine, decision: Decision, ids: string[], json: boolean): Promise<ExitCode> {
  const refused: Refused[] = [];
  await withSweeper(await cli.setup("anywhere"), "to-ask", async (sweeper) => {
    for (const id of ids) {
      try {
        await decision.decide(sweeper, id);
      } catch (error) {
        if (!isSweepError(error)) throw error;
        refused.push({ id, error });
      }
    }
  });
  const done = ids.filter((id) => !refused.some((one) => one.id === id));
  const { stdout, stderr } = cli.io;
  for (const { error } of refused) stderr.write(`filesweep: ${describeError(error).message}\n`);
  if (json) {
    const problems = refused.map(({ id, error }) => ({ id, ...describeError(error) }));
    stdout.write(jsonDocument({ done, refused: problems }));
  } else if (done.length > 0) {
    stdout.write(`${decision.done}: ${counted(done.length, "removal")} (${done.join(", ")})\n`);
  }
  return firstOf(refused.map(({ error }) => exitCodeOf({ kind: "threw", error })));
}
