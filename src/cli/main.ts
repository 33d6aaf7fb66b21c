#!/usr/bin/env -S node --max-semi-space-size=8 --
// The `--` ends Node's own options: without it Node 20 takes `filesweep --env-file FILE` for its own, and ends with 9
// before a line of this runs when there is no such file. The space for what is new need not grow to twice as much: all
// of a page that is alive at once has room in it.
import process from "node:process";
import { keepHeapSmall } from "./heap.ts";
import { processIo } from "./io.ts";
import { runCommandLine } from "./program.ts";

keepHeapSmall();
process.exitCode = await runCommandLine(process.argv.slice(2), processIo());
