/** Started by schema.test.ts: says that it is ready, waits for a line, and migrates the database that its argument names. */
import { once } from "node:events";
import { argv, stdin, stdout } from "node:process";
import { openFileClient } from "../../src/database/embedded-client.ts";
import { migrate } from "../../src/database/schema.ts";
import { DATABASE_NOW } from "../../src/database/sql.ts";

stdout.write("ready\n");
await once(stdin, "data");
const client = await openFileClient(argv[2] ?? "");
await migrate(client, DATABASE_NOW);
client.close();
