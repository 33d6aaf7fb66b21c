// filesweep inside an application of one's own: it sweeps by schedule, its API is mounted beside the application's routes,
// and a download follows the rule that the sweeps go by.
import process from "node:process";
import { serve } from "@hono/node-server";
import { createSweeper, isLive } from "filesweep";
import { createApp } from "filesweep/api";
import { Hono } from "hono";

const sweeper = createSweeper();
const app = new Hono();

app.route("/filesweep", createApp(sweeper));
app.get("/download/:name", (c) => {
  // An application would look this up in its database.
  const file = { status: "active", expiresAt: c.req.param("name") === "old.txt" ? 1 : null };
  return isLive(file, Date.now()) ? c.text("the file") : c.notFound();
});

await sweeper.open();
sweeper.start();
const server = serve(
  { fetch: app.fetch, port: Number(process.env.PORT ?? 8787), hostname: "127.0.0.1" },
  ({ port }) => {
    process.stdout.write(`http://127.0.0.1:${port}\n`);
  },
);

process.on("SIGTERM", async () => {
  server.close();
  await sweeper.close();
});
