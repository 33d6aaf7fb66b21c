/**
 * Makes a call, and comes back once its request is on its way, or over: an embedded database, which keeps the process busy,
 * would hold up one that is still being made. What became of the call is its promise's to say.
 */
export function untilSent(call: (sent: () => void) => Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const sent = (): void => resolve();
    call(sent).then(sent, sent);
  });
}
