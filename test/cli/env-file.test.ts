import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseEnvFile, readEnvFile, withEnvFiles } from "../../src/cli/env-file.ts";
import { isSweepError } from "../../src/core/errors.ts";

function errorOf(act: () => unknown): Error {
  try {
    act();
  } catch (error) {
    if (error instanceof Error && isSweepError(error, "invalid")) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("an environment file", () => {
  it.each<[text: string, variables: Record<string, string>]>([
    ["", {}],
    ["# comment\n\n  # another\n", {}],
    ["A=1\nB=2", { A: "1", B: "2" }],
    ["A=1\r\nB=2\r\n", { A: "1", B: "2" }],
    ["\uFEFFA=1", { A: "1" }],
    ["export  A=1\n  B = 2 ", { A: "1", B: "2" }],
    ["A= \nB=2", { A: "", B: "2" }],
    ["A=\t\nB=2", { A: "", B: "2" }],
    ["A=1 # comment with a#b and 'quote", { A: "1" }],
    ["A= # nothing\nB=2", { A: "", B: "2" }],
    ["A=file:./my files/x", { A: "file:./my files/x" }],
    [`A="file:./a#b" # why`, { A: "file:./a#b" }],
    [`A='{"live":["a"]}'\nB=\`c\``, { A: '{"live":["a"]}', B: "c" }],
    [`A="one\nB=two"\nC=3`, { A: "one\nB=two", C: "3" }],
    ["A=1\nA=2", { A: "2" }],
    ["A=it's\nB='x'", { A: "it's", B: "x" }],
  ])("%j holds %j", (text, variables) => {
    expect(parseEnvFile(text, "f")).toEqual(variables);
  });

  it.each([
    ["CLEANUP_MODE plan", 1, "it is not of the form NAME=value"],
    ["A=1\n\nCLEANUP_MODE: plan\nB=2", 3, "it is not of the form NAME=value"],
    ["A-B=1", 1, "it is not of the form NAME=value"],
    ["=1", 1, "it is not of the form NAME=value"],
    ['A=1\nB="open\nC=3', 2, "the quote is not closed"],
    ['A="x\ny"\nB="a" b', 3, "something follows the closing quote"],
    ["A=file:./a#b", 1, "what follows # would be lost; put the value in quotes"],
    ["A=#b", 1, "what follows # would be lost; put the value in quotes"],
    ["A = #b\nB=c#", 2, "what follows # would be lost; put the value in quotes"],
  ])("%j is refused at line %d: %s", (text, line, problem) => {
    expect(errorOf(() => parseEnvFile(text, "f")).message).toBe(`f cannot be understood:\n- line ${line}: ${problem}`);
  });

  it("names every bad line at once, and never shows its text", () => {
    const { message } = errorOf(() => parseEnvFile("s3cr3t\nA=1\nB='s3cr3t", "f"));
    expect(message).toMatch(/line 1: .+\n- line 3: /);
    expect(message).not.toContain("s3cr3t");
  });
});

describe("--env-file", () => {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "filesweep-env-"));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });
  function file(name: string, text: string): string {
    writeFileSync(path.join(folder, name), text);
    return path.join(folder, name);
  }

  it("adds to the environment; what that holds already wins, even where it is empty", () => {
    const first = file("a.env", "A=file\nB=file\nC=file\nD=file");
    expect(withEnvFiles({ A: "real", B: "", C: undefined, PATH: "/bin" }, [first])).toEqual({
      A: "real",
      B: "",
      C: "file",
      D: "file",
      PATH: "/bin",
    });
  });

  it("given twice, the last file wins", () => {
    expect(withEnvFiles({}, [file("a", "A=1\nB=1"), file("b", "A=2")])).toEqual({ A: "2", B: "1" });
  });

  it("of a file that cannot be read is an error, never an empty environment", () => {
    expect(errorOf(() => readEnvFile(path.join(folder, "none"))).message).toContain("none cannot be read (ENOENT)");
    expect(errorOf(() => readEnvFile(folder)).message).toContain("cannot be read (EISDIR)");
    expect(errorOf(() => readEnvFile(file("bad", "x"))).message).toMatch(/--env-file .+bad cannot be understood/);
  });
});
