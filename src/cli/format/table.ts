import Table from "cli-table3";

/** Only blanks between the columns. */
const NO_BORDERS = {
  top: "",
  "top-mid": "",
  "top-left": "",
  "top-right": "",
  bottom: "",
  "bottom-mid": "",
  "bottom-left": "",
  "bottom-right": "",
  left: "",
  "left-mid": "",
  mid: "",
  "mid-mid": "",
  right: "",
  "right-mid": "",
  middle: "   ",
};

/** A table without lines. A cell may hold several lines, and colours. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const built = new Table({
    head: [...head],
    chars: NO_BORDERS,
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0 },
  });
  for (const row of rows) built.push([...row]);
  const lines = built.toString().split("\n");
  return lines.map((line) => line.trimEnd()).join("\n");
}
