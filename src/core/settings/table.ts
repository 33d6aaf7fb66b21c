import { CATALOG } from "./catalog-table.ts";
import { BUDGET, DECIDING, GUARDING, RUNNING } from "./cleanup-table.ts";
import type { Definition, Section } from "./definition.ts";
import { PLACES, S3, SERVICE } from "./service-table.ts";

/** Every setting there is, in the order in which people read them. */
export const SECTIONS: readonly Section[] = [
  { title: "What is cleaned", definitions: Object.values(PLACES) },
  { title: "S3-compatible stores", definitions: Object.values(S3) },
  { title: "When it runs, and what it does", definitions: Object.values(RUNNING) },
  { title: "What counts as garbage", definitions: Object.values(DECIDING) },
  { title: "Guards", definitions: Object.values(GUARDING) },
  { title: "How much one slice of a run may do", definitions: Object.values(BUDGET) },
  { title: "Service, notifications, logs", definitions: Object.values(SERVICE) },
  { title: "A table that exists already", definitions: Object.values(CATALOG) },
];

export const DEFINITIONS: readonly Definition<unknown>[] = SECTIONS.flatMap((section) => section.definitions);

/** The variables that settings are named for. */
export const SETTING_NAMES: readonly string[] = DEFINITIONS.map((definition) => definition.name);

/** Every variable that may be read, fall-backs too: for an environment whose names cannot be listed. */
export const VARIABLE_NAMES: readonly string[] = DEFINITIONS.flatMap((definition) => [
  definition.name,
  ...(definition.fallbacks ?? []),
]);
