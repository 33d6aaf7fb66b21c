/** Keeps a processor busy for so many milliseconds, so many times a second, and does nothing else: `stranger.js MS TIMES`. */
import process from "node:process";

const [busyMs = 0, times = 0] = process.argv.slice(2).map(Number);
const startedMs = performance.now();
let turns = 0;
setInterval(() => {
  for (; turns < ((performance.now() - startedMs) / 1000) * times; turns += 1) {
    for (const beganMs = performance.now(); performance.now() - beganMs < busyMs; );
  }
}, 5);
