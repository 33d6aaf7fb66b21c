/** `filesweep migrate`: filesweep's own tables, the default table where there is none, and the gate. */
import type { Command } from "commander";
import type { SqlClient } from "../../database/client.ts";
import { mapCatalog } from "../../database/map-catalog.ts";
import type { CatalogMapping } from "../../database/mapping.ts";
import { type MigrationReport, migrate, planMigration } from "../../database/schema.ts";
import { DATABASE_NOW } from "../../database/sql.ts";
import { type Setup, withClient } from "../../library/compose.ts";
import { withEmptyClient } from "../../library/files.ts";
import type { CommandLine } from "../command-line.ts";
import { EXIT } from "../exit-code.ts";
import { jsonDocument } from "../format/documents.ts";
import { sqlScript } from "../format/sql-script.ts";

interface MigrateOptions {
  readonly plan?: true;
  readonly json?: true;
}

export function addMigrate(program: Command, cli: CommandLine): void {
  program
    .command("migrate")
    .summary("make filesweep's own tables, or bring them up to date")
    .description(
      "Makes filesweep's own tables and its gate or brings them up to date, and makes the table `files` where there is none.",
    )
    .option("--plan", "print the SQL and execute nothing")
    .option("--json", "print one JSON document")
    .action(async (options: MigrateOptions) => {
      const setup = await cli.setup();
      const report = options.plan
        ? await plan(setup)
        : await withClient(setup, "create", async (client) =>
            migrate(client, DATABASE_NOW, await mapped(setup, client)),
          );
      cli.io.stdout.write(options.json ? migrationJson(report, options) : migrationText(report, setup, options));
      cli.finish(EXIT.done);
    });
}

async function mapped({ settings }: Setup, client: SqlClient): Promise<{ mapping: CatalogMapping }> {
  return { mapping: await mapCatalog(client, settings.catalog) };
}

/** A database that is not there is planned for as an empty one, and not made. */
async function plan(setup: Setup): Promise<MigrationReport> {
  const look = async (client: SqlClient): Promise<MigrationReport> =>
    planMigration(client, DATABASE_NOW, await mapped(setup, client));
  return (await setup.database.absence()) === null ? withClient(setup, "existing", look) : withEmptyClient(look);
}

function migrationJson({ from, to, statements }: MigrationReport, { plan }: MigrateOptions): string {
  return jsonDocument({ applied: plan !== true, from, to, statements });
}

function migrationText({ from, to, statements }: MigrationReport, setup: Setup, { plan }: MigrateOptions): string {
  const { name } = setup.database;
  if (plan) {
    const title = statements.length === 0 ? `up to date (schema ${to})` : `from schema ${from} to ${to}`;
    return sqlScript(`${name}: ${title}`, statements);
  }
  if (statements.length === 0) return `${name} is up to date (schema ${to}).\n`;
  if (from === to) return `${name} is complete again (schema ${to}, ${statements.length} statements).\n`;
  return `${name} was brought from schema ${from} to ${to} (${statements.length} statements).\n`;
}
