import { describe } from "vitest";
import { crashMatrix } from "../support/crash-matrix.ts";
import { inFolder } from "../support/world.ts";

describe("on a store in a folder", () => {
  crashMatrix({ bytes: inFolder }, { seeds: 5 });
});
