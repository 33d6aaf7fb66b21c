/** Single-character insertions, removals and replacements that turn `a` into `b`. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(replaced, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    previous = row;
  }
  return previous[b.length] ?? 0;
}

function commonStart(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
}

/**
 * The candidate that a person who wrote `name` most likely meant: the fewest edits (one, where only the end is missing),
 * less the characters that both begin with: people forget ends and units, and get beginnings right. Of several the
 * first. Case does not matter.
 */
export function nearest(name: string, candidates: readonly string[]): string | null {
  // Names in an environment may be of any length; the comparison is quadratic.
  const wanted = name.slice(0, 100).toLowerCase();
  let best: { candidate: string; score: number } | null = null;
  for (const candidate of candidates) {
    const known = candidate.toLowerCase();
    const edits = known.startsWith(wanted) ? 1 : editDistance(wanted, known);
    const score = edits - commonStart(wanted, known);
    if (best === null || score < best.score) best = { candidate, score };
  }
  return best?.candidate ?? null;
}
