/** The forms of what the API takes and answers. They validate, and the OpenAPI document is made from them. */
import * as v from "valibot";
import { CHECK_NAMES, PROBLEM_KINDS as CHECK_PROBLEM_KINDS, CHECK_STATUSES } from "../core/doctor.ts";
import {
  HOLD_CAUSES,
  HOLD_STATUSES,
  KEEP_REASONS,
  MODES,
  REMOVAL_REASONS,
  REMOVAL_STATES,
  RUN_STATUSES,
  SWEEP_NAMES,
  SWEEP_STATUSES,
  TRIGGERS,
} from "../core/model.ts";

// --------------------------------------------------------------------------------------------------------- parameters

const described = <const Words extends readonly string[]>(words: Words) =>
  v.pipe(v.picklist(words), v.description(words.join(", ")));

export const Id = v.pipe(v.string(), v.regex(/^[\w-]{1,64}$/), v.description("the id of one"));
export const ById = v.strictObject({ id: Id });

export const MAX_LIMIT = 500;
const DEFAULT_LIMIT = 50;

/** A whole number in a query. `schema` is how the document shows it. */
const limit = v.pipe(
  v.string(),
  v.regex(/^[1-9]\d{0,2}$/),
  v.transform(Number),
  v.maxValue(MAX_LIMIT),
  v.description(`a whole number from 1 to ${MAX_LIMIT}`),
  v.metadata({ schema: { type: "integer", minimum: 1, maximum: MAX_LIMIT, default: DEFAULT_LIMIT } }),
);

export const PAGE = {
  limit: v.optional(limit, String(DEFAULT_LIMIT)),
  cursor: v.optional(
    v.pipe(
      v.string(),
      v.regex(/^[\w-]{1,200}$/),
      v.description("the nextCursor of the page before; without one the list begins at the newest"),
    ),
  ),
};

export const HoldQuery = v.strictObject({ ...PAGE, status: v.optional(described(HOLD_STATUSES)) });
export const RunQuery = v.strictObject(PAGE);

const FILTER = {
  state: v.optional(described(REMOVAL_STATES)),
  reason: v.optional(described(REMOVAL_REASONS)),
  run: v.optional(v.pipe(v.string(), v.regex(/^[\w-]{1,64}$/), v.description("the id of a run"))),
  key: v.optional(
    v.pipe(
      v.string(),
      v.minLength(1),
      v.maxLength(1024),
      v.description("what the keys begin with, 1 to 1024 characters"),
    ),
  ),
};
export const RemovalQuery = v.strictObject({ ...PAGE, ...FILTER });
export const ExportQuery = v.strictObject(FILTER);

const name = (what: string) => v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(1024), v.description(what)));
export const ExplainQuery = v.strictObject({
  key: name("an object's key, relative to the store, 1 to 1024 characters"),
  id: name("a row's id, 1 to 1024 characters"),
});

export const CleanupBody = v.strictObject({
  mode: v.optional(described(MODES)),
  sweeps: v.optional(
    v.pipe(
      v.array(v.picklist(SWEEP_NAMES)),
      v.minLength(1),
      v.maxLength(SWEEP_NAMES.length),
      v.description(`a list of ${SWEEP_NAMES.join(", ")}, not an empty one`),
    ),
  ),
});

// ----------------------------------------------------------------------------------------------------------- answers

const Instant = v.pipe(v.string(), v.isoTimestamp());
const OrNull = <Schema extends v.GenericSchema>(schema: Schema) => v.nullable(schema);
const Count = v.pipe(v.number(), v.integer(), v.minValue(0));
export const Tally = v.strictObject({ count: Count, bytes: Count });

const SampleItem = v.strictObject({ key: v.string(), bytes: Count, reason: v.string(), mayGoAt: OrNull(Instant) });

const HOLD = {
  id: Id,
  cause: v.picklist(HOLD_CAUSES),
  sweep: v.exactOptional(v.picklist(SWEEP_NAMES)),
  asOf: Instant,
  detail: v.string(),
  count: Count,
  bytes: Count,
  sample: v.array(SampleItem),
};

export const RunHold = v.strictObject(HOLD);

export const Hold = v.strictObject({
  ...HOLD,
  status: v.picklist(HOLD_STATUSES),
  openedAt: Instant,
  run: Id,
  approvedUntil: OrNull(Instant),
});

export const SweepReport = v.strictObject({
  name: v.picklist(SWEEP_NAMES),
  status: v.picklist(SWEEP_STATUSES),
  seen: Tally,
  removed: Tally,
  suspected: Tally,
  deferred: Tally,
  failed: Tally,
  carriedOver: Tally,
  kept: v.record(v.string(), Tally),
  sample: v.exactOptional(v.array(v.string())),
  error: v.exactOptional(v.string()),
});

export const Run = v.strictObject({
  id: Id,
  mode: v.picklist(MODES),
  status: v.picklist(RUN_STATUSES),
  trigger: v.picklist(TRIGGERS),
  startedAt: Instant,
  finishedAt: OrNull(Instant),
  durationMs: Count,
  slices: Count,
  sweeps: v.array(SweepReport),
  holds: v.array(RunHold),
  calls: v.strictObject({ database: Count, storage: Count }),
});

const page = <Item extends v.GenericSchema>(item: Item) =>
  v.strictObject({ items: v.array(item), nextCursor: OrNull(v.string()) });

export const RunPage = page(Run);
export const HoldPage = page(Hold);

export const Stats = v.strictObject({
  totalCycles: Count,
  expiredFilesRemoved: Count,
  orphanedFilesRemoved: Count,
  oldRecordsRemoved: Count,
  staleUploadsAborted: Count,
  missingObjects: OrNull(Count),
  bytesReclaimed: Count,
  lastRun: OrNull(Run),
  lastDurationMs: OrNull(Count),
  nextRun: OrNull(Instant),
  open: v.strictObject({ suspected: Tally, due: Tally, condemned: Tally, failed: Tally, abandoned: Tally }),
  holds: v.array(Hold),
});

export const Removal = v.strictObject({
  id: Id,
  key: v.string(),
  state: v.picklist(REMOVAL_STATES),
  reason: v.picklist(REMOVAL_REASONS),
  sweep: v.picklist(SWEEP_NAMES),
  run: Id,
  bytes: Count,
  createdAt: Instant,
  firstSeenAt: OrNull(Instant),
  attempts: Count,
  nextAttemptAt: OrNull(Instant),
  error: OrNull(v.string()),
  releasedBy: OrNull(v.string()),
  finishedAt: OrNull(Instant),
});

export const RemovalPage = page(Removal);

const Explained = v.strictObject({
  sweep: v.picklist(SWEEP_NAMES),
  verdict: v.picklist(["remove", "suspect", "keep"]),
  reason: v.picklist([...REMOVAL_REASONS, ...KEEP_REASONS]),
  why: v.string(),
});

export const Explanation = v.strictObject({
  key: v.string(),
  known: v.boolean(),
  invalidKey: OrNull(v.string()),
  object: OrNull(v.strictObject({ bytes: Count, modifiedAt: OrNull(Instant), etag: OrNull(v.string()) })),
  files: v.array(v.strictObject({ id: v.string(), status: v.string(), decisions: v.array(Explained) })),
  decisions: v.array(Explained),
  removals: v.array(Removal),
  gate: OrNull(v.strictObject({ until: OrNull(Instant) })),
});

export const ShownSettings = v.strictObject({
  items: v.array(
    v.strictObject({
      name: v.string(),
      value: OrNull(v.string()),
      from: OrNull(v.string()),
      secret: v.boolean(),
      help: v.string(),
    }),
  ),
});

export const Diagnosis = v.strictObject({
  status: v.picklist(CHECK_STATUSES.filter((status) => status !== "unknown")),
  checks: v.array(
    v.strictObject({
      name: v.picklist(CHECK_NAMES),
      status: v.picklist(CHECK_STATUSES),
      kind: OrNull(v.picklist(CHECK_PROBLEM_KINDS)),
      found: v.string(),
      needed: OrNull(v.string()),
      mend: OrNull(v.string()),
    }),
  ),
});

export const AnyObject = v.looseObject({});

export const Health = v.strictObject({ status: v.literal("up") });

const OK_OR_FAILED = v.picklist(["ok", "failed"]);
export const Checks = v.strictObject({
  database: OK_OR_FAILED,
  store: OK_OR_FAILED,
  lastSuccess: v.picklist(["ok", "stale", "none", "disabled", "unknown"]),
});
export const Readiness = v.strictObject({
  status: v.literal("ready"),
  checks: Checks,
  lastSuccessAt: OrNull(Instant),
  checkedAt: Instant,
});

export const PROBLEM_KINDS = [
  "invalid",
  "unauthorized",
  "not-found",
  "conflict",
  "unavailable",
  "corrupt",
  "bug",
  "lease-held",
  "not-configured",
] as const;

export const ProblemDocument = v.strictObject({
  type: v.string(),
  title: v.string(),
  status: v.pipe(v.number(), v.integer()),
  detail: v.string(),
  kind: v.picklist(PROBLEM_KINDS),
  requestId: v.string(),
  errors: v.exactOptional(
    v.array(v.strictObject({ in: v.picklist(["query", "body"]), field: OrNull(v.string()), message: v.string() })),
  ),
  holder: v.exactOptional(v.string()),
  until: v.exactOptional(Instant),
  checks: v.exactOptional(Checks),
});

/** The forms that the OpenAPI document gives a name. */
export const COMPONENTS = {
  Tally,
  Run,
  Hold,
  SweepReport,
  Removal,
  Stats,
  Explanation,
  Diagnosis,
  Problem: ProblemDocument,
};
