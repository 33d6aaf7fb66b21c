/** The ledger as a file: streamed page by page, never whole in memory. */
import type { RemovalJson } from "../core/documents/removal.ts";
import { toRemovalJson } from "../core/documents/removal.ts";
import type { Page, Removal, RemovalFilter } from "../core/ports.ts";

/** Removals that are read at once. */
const EXPORT_PAGE = 2000;

/** The form of a file: what stands at its head, and each removal. */
export interface ExportForm {
  readonly contentType: string;
  readonly fileName: string;
  readonly head: string;
  readonly line: (removal: RemovalJson) => string;
}

export const NDJSON: ExportForm = {
  contentType: "application/x-ndjson",
  fileName: "filesweep-removals.ndjson",
  head: "",
  line: (removal) => `${JSON.stringify(removal)}\n`,
};

const COLUMNS = [
  "id",
  "key",
  "state",
  "reason",
  "sweep",
  "run",
  "bytes",
  "createdAt",
  "firstSeenAt",
  "attempts",
  "nextAttemptAt",
  "error",
  "releasedBy",
  "finishedAt",
] as const satisfies (keyof RemovalJson)[];

/** RFC 4180. */
export const CSV: ExportForm = {
  contentType: "text/csv; charset=utf-8",
  fileName: "filesweep-removals.csv",
  head: `${COLUMNS.join(",")}\r\n`,
  line: (removal) => `${COLUMNS.map((column) => cell(removal[column])).join(",")}\r\n`,
};

/** What a spreadsheet takes for a formula, also behind blanks and in its wide form: a key may be anybody's. */
const FORMULA = /^[\s\p{Cc}]*[=+\-@\uff1d\uff0b\uff0d\uff20]|^[\t\r\n]/u;

/** A text that a spreadsheet would execute stands behind an apostrophe, which makes it a text. */
export function cell(value: string | number | null): string {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  const text = FORMULA.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

type ReadPage = (filter: RemovalFilter) => Promise<Page<Removal>>;

/**
 * All removals of a filter, the newest first. What fails on the way ends the stream with an error, so that nobody takes
 * half a file for a whole one.
 * @throws SweepError where the first page cannot be read
 */
export async function exportRemovals(
  read: ReadPage,
  filter: Omit<RemovalFilter, "limit" | "after">,
  form: ExportForm,
): Promise<ReadableStream<Uint8Array>> {
  const pages = readPages(read, filter);
  const nextText = async (): Promise<string | null> => {
    const page = await pages.next();
    return page.done === true ? null : page.value.map((removal) => form.line(toRemovalJson(removal))).join("");
  };
  // Read before anything was answered: a database that is down is a problem, and no empty file.
  let text: string | null = form.head + ((await nextText()) ?? "");
  const encoder = new TextEncoder();
  return new ReadableStream(
    {
      async pull(controller) {
        while (text === "") text = await nextText();
        if (text === null) return controller.close();
        controller.enqueue(encoder.encode(text));
        text = "";
      },
    },
    { highWaterMark: 0 },
  );
}

async function* readPages(
  read: ReadPage,
  filter: Omit<RemovalFilter, "limit" | "after">,
): AsyncGenerator<readonly Removal[], undefined> {
  let after: string | null | undefined;
  while (after !== null) {
    const page: Page<Removal> = await read({
      ...filter,
      limit: EXPORT_PAGE,
      ...(after !== undefined && { after }),
    });
    yield page.items;
    after = page.next;
  }
}
