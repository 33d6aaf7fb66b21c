/** The demo as one JSON document, for programs. */

import { type RunJson, type StandingHoldJson, toRunJson, toStandingHoldJson } from "../../core/documents/run.ts";
import type { Tally } from "../../core/model.ts";
import type { Check } from "./checks.ts";
import { tallyOf } from "./fates.ts";
import type { Fate, KindName } from "./kinds.ts";
import { KINDS } from "./kinds.ts";
import type { DemoResult } from "./story.ts";

export interface DemoJson {
  readonly directory: string;
  readonly databaseUrl: string;
  readonly storageUrl: string;
  /** The hold that the person of the story approved before the removal. */
  readonly approved: StandingHoldJson;
  readonly runs: Readonly<Record<keyof DemoResult["runs"], RunJson>>;
  /** What the plan decided, by kind. */
  readonly kinds: readonly {
    readonly kind: KindName;
    readonly fate: Fate;
    readonly reason: string | null;
    readonly why: string;
    readonly count: number;
    readonly bytes: number;
    readonly files: readonly { readonly key: string; readonly bytes: number; readonly note: string }[];
  }[];
  /** Counted in the folder itself. */
  readonly disk: { readonly before: Tally; readonly after: Tally };
  readonly checks: readonly Check[];
}

export function toDemoJson({ folder, runs, approved, groups, before, after, checks }: DemoResult): DemoJson {
  return {
    directory: folder.root,
    databaseUrl: `file:${folder.database}`,
    storageUrl: `file:${folder.uploads}`,
    approved: toStandingHoldJson(approved),
    runs: {
      yesterday: toRunJson(runs.yesterday),
      plan: toRunJson(runs.plan),
      removal: toRunJson(runs.removal),
      again: toRunJson(runs.again),
    },
    kinds: groups.map(({ kind, fate, reason, tally, objects }) => ({
      kind,
      fate,
      reason,
      why: KINDS[kind].why,
      ...tally,
      files: objects.map(({ key, sizeBytes, note }) => ({ key, bytes: sizeBytes, note })),
    })),
    disk: { before: tallyOf(before.values()), after: tallyOf(after.values()) },
    checks,
  };
}
