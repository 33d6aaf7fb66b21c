/**
 * Loaded before the entry: takes the handler that it gives to `Deno.cron`, and calls it for each line on stdin, so that a
 * test need not wait for the minute. Says on stdout what was registered, and how each call ended.
 */
type Handler = () => Promise<void>;
const deno: { stdin: { readable: ReadableStream<Uint8Array> } } = Reflect.get(globalThis, "Deno");

function cron(name: string, schedule: string, handler: Handler): Promise<void> {
  say(`registered ${name} ${schedule}`);
  void (async () => {
    for await (const _line of deno.stdin.readable) {
      await handler().then(
        () => say("tick ok"),
        () => say("tick exception"),
      );
    }
  })();
  return Promise.resolve();
}

Object.defineProperty(deno, "cron", { value: cron });

function say(line: string): void {
  // biome-ignore lint/suspicious/noConsole: stdout is how the test hears
  console.log(line);
}
