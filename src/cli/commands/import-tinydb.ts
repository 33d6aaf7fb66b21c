/** `filesweep import-tinydb`: what a Buzzdrop database says of files, put into the table `files`. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import type { Command } from "commander";
import { readInstant } from "../../core/catalog-time.ts";
import { counted } from "../../core/documents/numbers.ts";
import { SweepError } from "../../core/errors.ts";
import { readTinyDb, type TinyDbImport } from "../../core/tinydb.ts";
import { type ImportAnswer, importFiles } from "../../database/import-files.ts";
import { DATABASE_NOW } from "../../database/sql.ts";
import { prepare, type Setup, withClient } from "../../library/compose.ts";
import { resolveLinks } from "../../library/files.ts";
import type { CommandLine } from "../command-line.ts";
import { usageError } from "../describe-error.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { jsonDocument } from "../format/documents.ts";
import { keyOfUpload, type UploadPlace } from "../upload-path.ts";

interface ImportOptions {
  readonly json?: true;
}

export function addImportTinyDb(program: Command, cli: CommandLine): void {
  program
    .command("import-tinydb")
    .summary("read a Buzzdrop database into the table files")
    .description(
      "Reads the db.json of Buzzdrop (TinyDB) into the table `files`, which it makes where there is none. What is there already stays as it is, so it can be repeated. If a document names no file, nothing is imported.",
    )
    .argument("<file>", "the db.json")
    .option("--json", "print one JSON document")
    .action(async (file: string, options: ImportOptions) => {
      const setup = await cli.setup();
      cli.finish(await importTinyDb(cli, setup, file, options));
    });
}

async function importTinyDb(cli: CommandLine, setup: Setup, file: string, options: ImportOptions): Promise<ExitCode> {
  refuseMappedTable(setup);
  const text = await readDatabase(file);
  const place = await placeOf(setup);
  const found = understand(text, file, setup, place);
  const { stderr } = cli.io;
  for (const problem of found.problems) stderr.write(`filesweep: ${file}: ${problem}\n`);
  if (found.problems.length > 0) {
    stderr.write(
      `filesweep: nothing was imported: ${counted(found.problems.length, "document")} of ${file} cannot be\n`,
    );
    show(cli, options, found, null);
    return EXIT.failures;
  }
  for (const warning of found.warnings) stderr.write(`filesweep: ${file}: ${warning}\n`);
  const answer = await withClient(setup, "create", async (client) => {
    await prepare(setup, client);
    return importFiles(client, found.files, DATABASE_NOW);
  });
  show(cli, options, found, answer);
  return EXIT.done;
}

/** The rows go into the table that filesweep makes; a table of the application's own has other columns. */
function refuseMappedTable({ settings }: Setup): void {
  if (!settings.catalog.mapped) return;
  throw usageError(
    "import-tinydb fills the table `files` that filesweep makes, but CATALOG_TABLE or CATALOG_COLUMNS describes another one; unset them for the import",
  );
}

/** @throws SweepError `invalid` where the file cannot be read */
async function readDatabase(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown error";
    throw new SweepError("invalid", `${file} cannot be read (${code}); give the path of Buzzdrop's db.json`, { cause });
  }
}

async function placeOf({ settings: { storage } }: Setup): Promise<UploadPlace> {
  if (storage.kind !== "file") return { kind: "bucket", prefix: storage.prefix };
  const root = path.resolve(storage.path);
  return { kind: "folder", roots: [root, await resolveLinks(root)], workingDirectory: process.cwd() };
}

function understand(text: string, file: string, { settings }: Setup, place: UploadPlace): TinyDbImport {
  const { keyPrefix, times } = settings.catalog;
  try {
    return readTinyDb(text, {
      keyOf: (uploadPath, id) => {
        const { key, ...rest } = keyOfUpload(uploadPath, id, place);
        return { key: `${keyPrefix}${key}`, ...rest };
      },
      // Whatever CATALOG_TIME says of the table: Buzzdrop writes texts.
      readTime: (value) => readInstant(value, { ...times, form: "auto" }),
    });
  } catch (error) {
    if (!(error instanceof SweepError)) throw error;
    throw new SweepError(error.kind, `${file} cannot be imported: ${error.message}`, { cause: error });
  }
}

/** @param answer null where nothing was imported */
function show({ io }: CommandLine, { json }: ImportOptions, found: TinyDbImport, answer: ImportAnswer | null): void {
  const { files, warnings, problems } = found;
  const imported = answer?.imported ?? 0;
  const present = answer === null ? 0 : files.length - imported;
  if (json) {
    io.stdout.write(jsonDocument({ imported, present, differing: answer?.differing ?? [], warnings, problems }));
    return;
  }
  if (answer === null) return;
  const kept =
    present === 0 ? "" : `; ${counted(present, "row was", "rows were")} there already and stayed as they are`;
  io.stdout.write(`Imported ${counted(imported, "file")}${kept}.\n`);
  if (answer.differing.length === 0) return;
  const shown = answer.differing.slice(0, SHOWN).join(", ");
  const more = answer.differing.length > SHOWN ? ", …" : "";
  io.stderr.write(
    `filesweep: ${counted(answer.differing.length, "row")} of those differ from the file now (${shown}${more}); delete a row to import it anew\n`,
  );
}

/** How many ids are shown. */
const SHOWN = 5;
