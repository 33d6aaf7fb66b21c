/** Statements as a script that `sqlite3` and people can read: a comment on top, one statement after the other. Pure. */
export function sqlScript(title: string, statements: readonly string[]): string {
  // A path may hold a line break, and must not come out of its comment.
  const comment = `-- ${title.replace(/[\r\n]+/g, " ")}`;
  return `${[comment, ...statements.map((statement) => `${statement};`)].join("\n")}\n`;
}
