/**
 * Ways to break filesweep, one small patch each, and the assertion that has to notice. `npm run mutants` applies them one
 * by one to a copy of the sources. A text that is looked for stands in its file exactly once.
 */

import { CATALOG, SURROUNDINGS, UPLOADS } from "./surroundings.ts";

export interface Mutant {
  /** What is broken, in words. */
  readonly name: string;
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  /** `simulation`, whatever promise it finds broken; or a test file, and the beginning of a title in it. */
  readonly caughtBy: "simulation" | readonly [file: string, title: string];
}

const holds = (title: string) => ["test/stories/holds.test.ts", title] as const;

const PROTECTION: readonly Mutant[] = [
  {
    name: "what protects is not looked for when rows end",
    file: "src/database/claims.ts",
    find: "const veto = isProtected(mapping, sql`r.key`);",
    replace: "const veto = sql`(0 AND ${isProtected(mapping, sql`r.key`)})`;",
    caughtBy: "simulation",
  },
  {
    name: "what protects is not looked for when a removal that waited is attempted",
    file: "src/database/ledger.ts",
    find: "const veto = sql`(${isProtected(mapping, sql`r.key`)} OR",
    replace: "const veto = sql`((0 AND ${isProtected(mapping, sql`r.key`)}) OR",
    caughtBy: [
      "test/stories/application-beside.test.ts",
      "shared objects a second row that comes between a failed attempt and the next one",
    ],
  },
  {
    name: "condemned without closing the gate",
    file: "src/database/condemn.ts",
    find: "sql`INSERT INTO filesweep_gate (key, leaves_at) SELECT r.key, NULL FROM filesweep_removals r WHERE ${marked}\n",
    replace:
      "sql`INSERT INTO filesweep_gate (key, leaves_at) SELECT r.key, NULL FROM filesweep_removals r WHERE ${marked} AND 0\n",
    caughtBy: "simulation",
  },
  {
    name: "the gate opens as soon as the answer is there",
    file: "src/database/ledger.ts",
    find: "SET leaves_at = ${sql.raw(options.databaseNow)} + ${options.gateMs}\n",
    replace: "SET leaves_at = ${sql.raw(options.databaseNow)} + 0 * ${options.gateMs}\n",
    caughtBy: [
      "test/stories/application-beside.test.ts",
      "while an object is being removed the application is refused",
    ],
  },
  {
    name: "a key is behind the gate only until the clock says so, answered or not",
    file: "src/database/gate.ts",
    find: "(g.leaves_at IS NULL OR g.leaves_at > ${sql.raw(databaseNow)})",
    replace: "(g.leaves_at > ${sql.raw(databaseNow)})",
    caughtBy: ["test/stories/application-beside.test.ts", "while an object is being removed while no answer came"],
  },
  {
    name: "rows end whatever became of them since they were judged",
    file: "src/database/mapping.ts",
    find: ": sql`${now} = ${then}`;",
    replace: ": sql`${now} <> ${claim} ->> 2`;",
    caughtBy: ["test/core/run-expired.test.ts", "what changes between the judgement and the end a row that"],
  },
  {
    name: "what protects is looked for before the rows end",
    file: "src/database/claims.ts",
    find: "const veto = isProtected(mapping, sql`r.key`);",
    replace: 'const veto = sql`EXISTS (SELECT 1 FROM ${table(mapping, "p")} WHERE p.key = r.key)`;',
    caughtBy: "simulation",
  },
  {
    name: "rows end without being compared, whether or not all were nominated",
    file: "src/database/claims.ts",
    find: "WHERE changes() = ${wanted}`",
    replace: "WHERE changes() <> ${wanted - 10000}`",
    caughtBy: [
      "test/database/catalog.test.ts",
      "left alone, and so is its object one that changed does not stop the others",
    ],
  },
  {
    name: "a removal that a person had tried again is forgotten as if it were new",
    file: "src/database/condemn.ts",
    find: "AND r.created_at = ${now})",
    replace: "AND r.created_at <= ${now})",
    caughtBy: [
      "test/database/catalog.test.ts",
      "also where something came between and is released, not forgotten, where something protects its key",
    ],
  },
  {
    name: "a text that was computed as JSON is read as JSON",
    file: "src/database/values.ts",
    find: "WHEN 'text' THEN ${value} || ''",
    replace: "WHEN 'text' THEN ${value}",
    caughtBy: ["test/database/mapping.test.ts", "a key that the application computes as JSON is the text"],
  },
  {
    name: "a row on hold ends like any other",
    file: "src/core/sweeps/row-veto.ts",
    find: 'if (isOnHold(file.hold)) return "on-hold";',
    replace: 'if (isOnHold(file.hold) && file.id === null) return "on-hold";',
    caughtBy: ["test/core/run-expired.test.ts", "a file on hold, an unreadable time and an invalid key are kept"],
  },
  {
    name: "an object that was protected, by the facts, is an orphan all the same",
    file: "src/core/sweeps/orphaned-objects.ts",
    find: 'if (facts === undefined) return keep("still-protected");',
    replace: 'if (facts === undefined) return { verdict: "remove", reason: "unreferenced" };',
    caughtBy: "simulation",
  },
];

const LEASE: readonly Mutant[] = [
  {
    name: "the fence asks for no number",
    file: "src/database/lease.ts",
    find: "WHERE id = 1 AND fence = ${own.fence} AND step < ${own.step} AND expires_at > ${now}))",
    replace: "WHERE id = 1 AND step < ${own.step} + 1000 AND expires_at > ${now}))",
    caughtBy: ["test/database/lease.test.ts", "P7: once another holder took over"],
  },
  {
    name: "the fence asks for no expiry",
    file: "src/database/lease.ts",
    find: "WHERE id = 1 AND fence = ${own.fence} AND step < ${own.step} AND expires_at > ${now}))",
    replace: "WHERE id = 1 AND fence = ${own.fence} AND step < ${own.step}))",
    caughtBy: ["test/database/lease.test.ts", "P7: a lease that ran out is lost"],
  },
  {
    name: "the fence is left out",
    file: "src/database/lease.ts",
    find: "const before = [fence(own, now), ...queued, ...followed];",
    replace: "const before = [sql`SELECT 1 AS one WHERE ${fence(own, now).sql.length} = 0`, ...queued, ...followed];",
    caughtBy: "simulation",
  },
  {
    name: "a lease is taken although somebody has it",
    file: "src/database/lease.ts",
    find: "WHERE expires_at <= ${now} OR request = excluded.request RETURNING fence`;",
    replace: "WHERE expires_at <= ${now} + 20000 OR request = excluded.request RETURNING fence`;",
    caughtBy: ["test/database/lease.test.ts", "a lease can be taken over"],
  },
  {
    name: "a delete starts however little of the lease is left",
    file: "src/core/remover.ts",
    find: "if (slice.held.timeLeftMs() <= CALL_TIMEOUT_MS) throw new LeaseLostError();",
    replace: "if (slice.held.timeLeftMs() < -CALL_TIMEOUT_MS) throw new LeaseLostError();",
    caughtBy: ["test/core/remover.test.ts", "a delete starts only while"],
  },
  {
    name: "a removal is attempted again under one lease",
    file: "src/database/ledger.ts",
    find: "WHERE state = 'condemned' AND attempt_fence < ${fence}",
    replace: "WHERE state = 'condemned' AND attempt_fence <= ${fence}",
    caughtBy: ["test/database/ledger.test.ts", "a removal is attempted once per lease"],
  },
  {
    name: "a removal that was refused is attempted again under one lease",
    file: "src/database/ledger.ts",
    find: "AND next_attempt_at <= ${now} AND attempt_fence < ${fence}",
    replace: "AND next_attempt_at <= ${now} AND attempt_fence <= ${fence}",
    caughtBy: ["test/database/ledger.test.ts", "a removal is attempted once per lease"],
  },
  {
    name: "what some of a batch was answered counts for all of it",
    file: "src/database/ledger.ts",
    find: "if (removals.length === removals[0]?.batchSize) return",
    replace: "if (removals.length > 0) return",
    caughtBy: ["test/database/ledger.test.ts", "one key's answer is that key's alone"],
  },
];

const ANSWERS: readonly Mutant[] = [
  {
    name: "a lost answer counts as a refusal",
    file: "src/core/remover.ts",
    find: 'batch.map(({ key }) => ({ key, outcome: "unknown", error: reason })),',
    replace: 'batch.map(({ key }) => ({ key, outcome: "refused", error: reason })),',
    caughtBy: ["test/core/remover.test.ts", "a lost answer leaves the whole batch unknown"],
  },
  {
    name: "a lost answer counts as done",
    file: "src/core/remover.ts",
    find: 'batch.map(({ key }) => ({ key, outcome: "unknown", error: reason })),',
    replace: 'batch.map(({ key }) => ({ key, outcome: "gone", error: reason })),',
    caughtBy: ["test/core/remover.test.ts", "a lost answer leaves the whole batch unknown"],
  },
  {
    name: "errors inside a 200 are not read",
    file: "src/core/remover.ts",
    find: "      outcome: answer.outcome,\n",
    replace: '      outcome: "gone",\n',
    caughtBy: ["test/stories/accidents.test.ts", "10. an answer of success with an error inside"],
  },
  {
    name: "a key that the answer does not name counts as gone",
    file: "src/core/remover.ts",
    find: '      outcome: "unknown",\n      error: "the store',
    replace: '      outcome: "gone",\n      error: "the store',
    caughtBy: ["test/core/remover.test.ts", "a key that the answer does not name is unknown"],
  },
  {
    name: "a lost look-up counts as not found",
    file: "src/core/sweeps/missing-objects.ts",
    find: 'return "failed";',
    replace: 'return { kept: "missing-object" };',
    caughtBy: ["test/stories/missing-objects.test.ts", "a look-up without an answer is a failure"],
  },
];

const SCAN: readonly Mutant[] = [
  {
    name: "an empty page ends the listing",
    file: "src/core/sweeps/scan.ts",
    find: "after === null ? { phase:",
    replace: "after === null || page.objects.length === 0 ? { phase:",
    caughtBy: ["test/core/run-orphans.test.ts", "an empty page with a continuation is not the end"],
  },
  {
    name: "any listing is trusted",
    file: "src/core/sweeps/listing.ts",
    find: "    checkPage(page, after);\n",
    replace: "    if (page.objects.length < 0) checkPage(page, after);\n",
    caughtBy: ["test/core/run-orphans.test.ts", "a listing that"],
  },
  {
    name: "`now` is taken for each object",
    file: "src/core/sweeps/scan.ts",
    find: "decideObject(object, known, now, entry.id,",
    replace: "decideObject(object, known, slice.clock.now() + 0 * now, entry.id,",
    caughtBy: ["test/core/run-orphans.test.ts", "every object of a run is judged by the same now"],
  },
  {
    name: "an unknown age is old",
    file: "src/core/sweeps/orphaned-objects.ts",
    find: 'if (object.modifiedAt === null) return keep("unknown-age");',
    replace: 'if (object.modifiedAt === null) return { verdict: "remove", reason: "unreferenced" };',
    caughtBy: "simulation",
  },
  {
    name: "the grace is not waited for",
    file: "src/core/sweeps/orphaned-objects.ts",
    find: "if (!(now - object.modifiedAt > rules.orphanGraceMs))",
    replace: "if (!(now - object.modifiedAt > rules.orphanGraceMs / 1000))",
    caughtBy: "simulation",
  },
  {
    name: "an age of exactly the grace is old",
    file: "src/core/sweeps/orphaned-objects.ts",
    find: "if (!(now - object.modifiedAt > rules.orphanGraceMs))",
    replace: "if (!(now - object.modifiedAt >= rules.orphanGraceMs))",
    caughtBy: ["test/core/sweeps/orphaned-objects.test.ts", "keeps an object of exactly the grace"],
  },
  {
    name: "ripe in the run that saw it first",
    file: "src/core/sweeps/orphaned-objects.ts",
    find: "return removal.firstSeenRun !== runId && ",
    replace: "return runId !== '' && ",
    caughtBy: ["test/core/sweeps/orphaned-objects.test.ts", "sees nothing again in the same run"],
  },
  {
    name: "keys are compared in the order of UTF-16",
    file: "src/core/keys.ts",
    find: "  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;",
    replace: "  return unit;",
    caughtBy: ["test/core/keys.test.ts", "compareKeys is the order of the UTF-8 bytes"],
  },
  {
    name: "an upload is stale as soon as it was begun",
    file: "src/core/sweeps/stale-uploads.ts",
    find: "if (!(now - initiatedAt > settings.uploadGraceMs))",
    replace: "if (!(now - initiatedAt > settings.uploadGraceMs / 1000))",
    caughtBy: "simulation",
  },
];

const PEOPLE: readonly Mutant[] = [
  {
    name: "a release is forgotten by the scan",
    file: "src/core/sweeps/orphaned-objects.ts",
    find: "if (facts.kept !== null && looksSame(object, facts.kept))",
    replace: "if (facts.kept !== null && !looksSame(object, object))",
    caughtBy: "simulation",
  },
  {
    name: "a release is forgotten when a row of its key ends",
    file: "src/database/nominations.ts",
    find: "v.state = 'released' AND v.released_by = 'operator')",
    replace: "v.state = 'released' AND v.released_by = 'nobody')",
    caughtBy: ["test/stories/attacks.test.ts", "what a person kept stays, although a later row that names it expires"],
  },
  {
    name: "of several approvals the oldest counts",
    file: "src/core/holds.ts",
    find: "toSorted((a, b) => b.asOf - a.asOf)[0]",
    replace: "toSorted((a, b) => a.asOf - b.asOf)[0]",
    caughtBy: holds("too-many-orphans a second approval lets through what came after the first"),
  },
  {
    name: "an approval never runs out",
    file: "src/core/holds.ts",
    find: "else if ((hold.approvedUntil ?? 0) > now) approved.push(hold);",
    replace: "else if ((hold.approvedUntil ?? 0) > 0) approved.push(hold);",
    caughtBy: holds("clock"),
  },
  {
    name: "an approval covers rows that came later",
    file: "src/core/sweeps/row-sweep.ts",
    find: 'if (pass.kind === "approved" && !wasMadeBy(slice, file, pass.now)) continue;',
    replace: 'if (pass.kind === "approved" && !wasMadeBy(slice, file, pass.now) && file.sizeBytes < 0) continue;',
    caughtBy: holds("too-many-expired an approval covers what was due when the hold was refreshed"),
  },
  {
    name: "a silenced hold holds no more",
    file: "src/core/holds.ts",
    find: "      raised.set(name, hold);\n",
    replace: '      if (hold.status === "open") raised.set(name, hold);\n',
    caughtBy: holds("first-contact cancelled, it is silent and still held"),
  },
  {
    name: "a plan is given a remover",
    file: "src/core/open-slice.ts",
    find: "remover: removes ? createRemover(parts.store) : null,",
    replace: "remover: createRemover(parts.store),",
    caughtBy: "simulation",
  },
  {
    name: "a held run is given a remover",
    file: "src/core/open-slice.ts",
    find: 'const removes = entry.mode === "remove" && !isHeld;',
    replace: 'const removes = entry.mode === "remove" && (isHeld || !isHeld);',
    caughtBy: "simulation",
  },
];

const PLAUSIBILITY: readonly Mutant[] = [
  {
    name: "a restored database is not noticed",
    file: "src/core/identity.ts",
    find: "return marker.epoch > twin.epoch ?",
    replace: "return marker.epoch > twin.epoch + 1000 ?",
    caughtBy: holds("identity an older copy of the database put back"),
  },
  {
    name: "any pair will do",
    file: "src/core/identity.ts",
    find: 'if (marker === "unreadable" || twin === null || marker.instance !== twin.instance) {',
    replace: 'if (marker === "unreadable" || twin === null) {',
    caughtBy: holds("identity the wrong database against a full store"),
  },
  {
    name: "a lost marker is put again",
    file: "src/core/identity.ts",
    find: 'if (twin.confirmed) return { kind: "hold", cause: "marker-lost" };',
    replace: 'if (twin.confirmed) return { kind: "known" };',
    caughtBy: holds("identity a marker that somebody removed, even from an empty store"),
  },
  {
    name: "a pending twin is known, whatever is there now",
    file: "src/core/identity.ts",
    find: "return twin.metEmpty === true && !storeIsEmpty ?",
    replace: "return twin.metEmpty === true && storeIsEmpty && !storeIsEmpty ?",
    caughtBy: holds("identity a put that failed in what looked empty"),
  },
  {
    name: "a run goes on without the gate",
    file: "src/core/opening.ts",
    find: "if (!opening.gateStands) findings.push",
    replace: "if (!opening.gateStands && opening.gateStands) findings.push",
    caughtBy: ["test/core/run.test.ts", "a run whose gate"],
  },
  {
    name: "clocks that are apart are not noticed",
    file: "src/core/opening.ts",
    find: "filter(({ skewMs }) => skewMs > CLOCK_TOLERANCE_MS);",
    replace: "filter(({ skewMs }) => skewMs > 1000 * CLOCK_TOLERANCE_MS);",
    caughtBy: holds("clock"),
  },
  {
    name: "sightings are written while it is in doubt who saw what",
    file: "src/core/open-slice.ts",
    find: "recordsSightings: !holds.raised().some(({ cause }) => isDoubtful(cause)),",
    replace: 'recordsSightings: !holds.raised().some(({ cause }) => isDoubtful(cause) && cause === "clock-jump"),',
    caughtBy: holds("identity an older copy of the database put back"),
  },
  {
    name: "what is held is made due when the scan closes",
    file: "src/core/sweeps/scan.ts",
    find: "const promoteUpTo = mayPromote ? (isHeld ? coveredUpTo : slice.clock.now()) : null;",
    replace: "const promoteUpTo = mayPromote ? (isHeld ? slice.clock.now() : slice.clock.now()) : null;",
    caughtBy: holds("too-many-orphans"),
  },
  {
    name: "nothing is ever too much",
    file: "src/core/holds.ts",
    find: "return would > 0 && ended > floor",
    replace: "return would < 0 && ended > floor",
    caughtBy: holds("too-many-expired"),
  },
  {
    name: "holds count each run for itself",
    file: "src/core/holds.ts",
    find: "  const ended = would + lately;\n",
    replace: "  const ended = would + 0 * lately;\n",
    caughtBy: holds("too-many-expired a little every hour adds up"),
  },
];

const REPORTS: readonly Mutant[] = [
  {
    name: "what moves in a report is lost on the way",
    file: "src/core/report.ts",
    find: "  subtract(tallyOf(report, from), tally);\n  add(tallyOf(report, to), tally);\n",
    replace: "  subtract(tallyOf(report, from), tally);\n  if (to === from) add(tallyOf(report, to), tally);\n",
    caughtBy: "simulation",
  },
  {
    name: "a key whose removal is released unanswered stays behind the gate",
    file: "src/database/condemn.ts",
    find: "SET leaves_at = ${sql.raw(gate.databaseNow)} + ${gate.gateMs} WHERE leaves_at IS NULL",
    replace: "SET leaves_at = ${sql.raw(gate.databaseNow)} + ${gate.gateMs} WHERE leaves_at < 0",
    caughtBy: ["test/stories/attacks.test.ts", "no key stays behind the gate for ever once its removal is released"],
  },
];

export const MUTANTS: readonly Mutant[] = [
  ...PROTECTION,
  ...LEASE,
  ...ANSWERS,
  ...SCAN,
  ...PEOPLE,
  ...PLAUSIBILITY,
  ...REPORTS,
  ...CATALOG,
  ...UPLOADS,
  ...SURROUNDINGS,
];
