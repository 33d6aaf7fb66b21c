/** Ways to break what filesweep knows of other people's tables, of uploads, and of what lies around a store. */
import type { Mutant } from "./mutants.ts";

const restored = (title: string) => ["test/stories/restored.test.ts", `a database that was restored ${title}`] as const;
const uploads = (title: string) => ["test/stories/stale-uploads.test.ts", title] as const;

export const CATALOG: readonly Mutant[] = [
  {
    name: "what refers to objects from other columns protects nothing",
    file: "src/database/protection.ts",
    find: "return [ownSource(mapping, (alias) => protects(mapping, alias)), ...mapping.references.map(referenceSource)];",
    replace:
      "return [ownSource(mapping, (alias) => protects(mapping, alias)), ...mapping.references.slice(0, 0).map(referenceSource)];",
    caughtBy: "simulation",
  },
  {
    name: "what refers to objects from other columns is not watched by the gate",
    file: "src/database/gate.ts",
    find: "  return [own, ...others];",
    replace: "  return [own, ...others.slice(0, 0)];",
    caughtBy: [
      "test/database/mapping.test.ts",
      "a gate on a table of the application's own watches what refers to objects",
    ],
  },
  {
    name: "what lies with a file is nobody's",
    file: "src/database/protection.ts",
    find: "const each = from.map((source) => isNamedBy(source, derived, key));",
    replace: "const each = from.map((source) => isNamedBy(source, derived.slice(0, 0), key));",
    caughtBy: "simulation",
  },
  {
    name: "what lies with a file stays when that goes",
    file: "src/core/sweeps/row-sweep.ts",
    find: "const derived = takesAlong ? derivedOf(slice, file.key) : [];",
    replace: "const derived = takesAlong ? derivedOf(slice, file.key).slice(0, 0) : [];",
    caughtBy: "simulation",
  },
  {
    name: "a row that was deleted softly is live",
    file: "src/database/mapping.ts",
    find: 'terms.push(sql`${column(mapping, alias, "deletedAt")} IS NULL`);',
    replace: 'terms.push(sql`(1 OR ${column(mapping, alias, "deletedAt")} IS NULL)`);',
    caughtBy: "simulation",
  },
  {
    name: "a row that was deleted softly protects",
    file: "src/database/mapping.ts",
    find: "alias, \"deletedAt\")}, 0) IN (0, '', '0', 'false')`);",
    replace: "alias, \"deletedAt\")}, 0) IN (0, '', '0', 'false') OR 1`);",
    caughtBy: "simulation",
  },
  {
    name: "rows of another store end too",
    file: "src/database/mapping.ts",
    find: "const terms = mapping.where.length === 0 ? [] : [isOfStore(mapping, alias)];",
    replace: "const terms = mapping.where.length === 0 ? [] : [sql`(1 OR ${isOfStore(mapping, alias)})`];",
    caughtBy: "simulation",
  },
  {
    name: "what ended rows left behind is filesweep's, whatever the settings say",
    file: "src/core/sweeps/orphaned-objects.ts",
    find: 'if (facts.referenced && rules.leftovers === "own" && !facts.removedBefore) return keep("not-ours");',
    replace: 'if (facts.referenced && rules.leftovers === "own" && object.sizeBytes < 0) return keep("not-ours");',
    caughtBy: "simulation",
  },
];

export const UPLOADS: readonly Mutant[] = [
  {
    name: "an upload of unknown age is stale",
    file: "src/core/sweeps/stale-uploads.ts",
    find: 'if (initiatedAt === null) return { verdict: "keep", reason: "unknown-age" };',
    replace: 'if (initiatedAt === null) return { verdict: "remove", reason: "stale-upload" };',
    caughtBy: "simulation",
  },
  {
    name: "a plan, or a held run, aborts uploads",
    file: "src/core/open-slice.ts",
    find: "uploadAborter: removes ? createUploadAborter(parts.store) : null,",
    replace: "uploadAborter: createUploadAborter(parts.store),",
    caughtBy: "simulation",
  },
  {
    name: "an abort starts however little of the lease is left",
    file: "src/core/upload-aborter.ts",
    find: "if (slice.held.timeLeftMs() <= CALL_TIMEOUT_MS) throw new LeaseLostError();",
    replace: "if (slice.held.timeLeftMs() < -CALL_TIMEOUT_MS) throw new LeaseLostError();",
    caughtBy: uploads("no abort starts while less of the lease is left"),
  },
  {
    name: "a lost answer to an abort counts as done",
    file: "src/core/sweeps/stale-uploads.ts",
    find: '  lost: "deferred",\n',
    replace: '  lost: "removed",\n',
    caughtBy: uploads("a lost answer counts as deferred"),
  },
];

export const SURROUNDINGS: readonly Mutant[] = [
  {
    name: "a prefix that is kept out binds only what lies deeper",
    file: "src/core/keys.ts",
    find: "ignorePrefixes.some((prefix) => key.startsWith(prefix));",
    replace: "ignorePrefixes.some((prefix) => key.startsWith(`${prefix}/`));",
    caughtBy: "simulation",
  },
  {
    name: "what waits is removed although its prefix is kept out by now",
    file: "src/database/ledger.ts",
    find: "OR ${isIgnored(ask.ignorePrefixes)})`;",
    replace: "OR (0 AND ${isIgnored(ask.ignorePrefixes)}))`;",
    caughtBy: [
      "test/database/ledger.test.ts",
      "what lies under a prefix that is kept out is released, never condemned",
    ],
  },
  {
    name: "another instance's store inside of this one is not noticed",
    file: "src/core/sweeps/scan.ts",
    find: "objects.some(({ key }) => key.endsWith(`/${MARKER_KEY}`));",
    replace: "objects.some(({ key }) => key === `/${MARKER_KEY}`);",
    caughtBy: "simulation",
  },
  {
    name: "what an approval of a nested store does not cover stays without a hold",
    file: "src/core/sweeps/scan.ts",
    find: "const outlivesApproval = nestedIsApproved && others.count > 0",
    replace: "const outlivesApproval = nestedIsApproved && others.count < 0",
    caughtBy: ["test/stories/holds.test.ts", "identity approved, what came after that is held again"],
  },
  {
    name: "a run that is opened again believes what its first scan saw",
    file: "src/database/holds.ts",
    find: "SET last_seen_run = '', ripe = 0\n",
    replace: "SET ripe = ripe + 0\n",
    caughtBy: ["test/stories/holds.test.ts", "too-many-orphans approved, the run looks anew"],
  },
  {
    name: "the store's clock is not looked at",
    file: "src/core/opening.ts",
    find: "skewMs: view.clockSkewMs ?? 0 },",
    replace: "skewMs: 0 * (view.clockSkewMs ?? 0) },",
    caughtBy: "simulation",
  },
  {
    name: "what came since a backup is an orphan",
    file: "src/core/sweeps/orphaned-objects.ts",
    find: "if (cameSinceBackup(object.modifiedAt, rules.restored))",
    replace: "if (object.sizeBytes < 0 && cameSinceBackup(object.modifiedAt, rules.restored))",
    caughtBy: restored("from a backup never makes an orphan of what came since the backup"),
  },
  {
    name: "a run over an older copy of the database passes for its last one",
    file: "src/core/open-slice.ts",
    find: 'cause === "clock-jump" || mayBeOlderCopy(cause));',
    replace: 'cause === "clock-jump" || (mayBeOlderCopy(cause) && cause === "marker-lost"));',
    caughtBy: restored("from a backup nor does it where runs"),
  },
];
