#!/usr/bin/env -S node --
// The `--` ends Node's own options: without it Node 20 takes `filesweep --env-file FILE` for its own, and ends with 9
// before a line of this runs when there is no such file.
import process from "node:process";
import { processIo } from "./io.ts";
import { runCommandLine } from "./program.ts";

process.exitCode = await runCommandLine(process.argv.slice(2), processIo());
