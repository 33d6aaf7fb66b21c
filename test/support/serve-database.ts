/**
 * A remote database over a file, for trying things out: `npx tsx test/support/serve-database.ts FILE [PORT [TOKEN]]`. Says
 * its address, and works until it is ended.
 */
import { argv, stdout } from "node:process";
import { startHranaServer } from "./hrana-server.ts";

const [, , file, port = "0", token] = argv;
if (file === undefined) throw new Error("which file? serve-database.ts FILE [PORT [TOKEN]]");
const options = { fileAt: (path: string) => (path === "" ? file : null), port: Number(port) };
const { url } = await startHranaServer(token === undefined ? options : { ...options, token });
stdout.write(`DATABASE_URL=${url}\n`);
