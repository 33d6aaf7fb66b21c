/** One JSON document, as `--json` prints it. */
export function jsonDocument(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** One line of NDJSON. */
export function jsonRecord(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}
