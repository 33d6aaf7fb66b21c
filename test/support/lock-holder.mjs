// Holds a write lock on the database that the argument names: says "locked", and lets go at the first line it is sent.
import { once } from "node:events";
import { argv, stdin, stdout } from "node:process";
import { createClient } from "@libsql/client/sqlite3";

const client = createClient({ url: `file:${argv[2]}`, timeout: 5000 });
const transaction = await client.transaction("write");
await transaction.execute("CREATE TABLE IF NOT EXISTS held (by TEXT)");
await transaction.execute({ sql: "INSERT INTO held (by) VALUES (?)", args: [argv[3] ?? "somebody"] });
stdout.write("locked\n");
await once(stdin, "data");
await transaction.commit();
client.close();
stdout.write("released\n");
stdin.destroy();
