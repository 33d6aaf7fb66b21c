import { describe } from "vitest";
import { crashMatrix } from "../support/crash-matrix.ts";

describe("on a store in memory", () => {
  crashMatrix({}, { seeds: 50 });
});
