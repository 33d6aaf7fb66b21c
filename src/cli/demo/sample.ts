/** The site as data: its objects and rows after half a year, told from `now`. Pure, and the same for the same `now`. */

import { counted } from "../../core/documents/numbers.ts";
import type { Instant } from "../../core/model.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS } from "../../core/safety.ts";
import { FEATURED } from "./featured.ts";
import { KIND_NAMES, KINDS, type KindName } from "./kinds.ts";
import { PEOPLE, shuffledNames, sizeFor } from "./names.ts";
import { createRandom, type Random } from "./random.ts";

/** A row of the catalog, as the application wrote it. */
export interface SampleRow {
  readonly id: string;
  readonly name: string;
  readonly owner: string;
  readonly status: "active" | "expired";
  readonly createdAt: Instant;
  /** Text where the application wrote nonsense. */
  readonly expiresAt: Instant | string | null;
  readonly downloadedAt: Instant | null;
  readonly downloads: number;
  readonly maxDownloads: number | null;
  readonly hold: boolean;
  /** What the application changed in it since yesterday. */
  readonly since?: Pick<Partial<SampleRow>, "expiresAt" | "downloadedAt" | "downloads">;
}

export interface SampleObject {
  readonly kind: KindName;
  readonly key: string;
  readonly sizeBytes: number;
  readonly modifiedAt: Instant;
  /** None, one, or two where two people share it. */
  readonly rows: readonly SampleRow[];
  /** Why it goes or stays, for people; at most 40 characters. */
  readonly note: string;
}

/** What a recipe makes a kind's objects from. */
interface Draft {
  readonly random: Random;
  readonly now: Instant;
  readonly owner: string;
  readonly other: string;
  row(fields: Partial<SampleRow>): SampleRow;
}

type Made = Pick<SampleObject, "rows" | "note"> & { readonly modifiedAt: Instant };

const SEED = 2027;

/** Every object of the site, in the order of the kinds; those with a name worth showing first. */
export function makeSample(now: Instant): SampleObject[] {
  const random = createRandom(SEED);
  const featured = new Set(Object.values(FEATURED).flat());
  const names = shuffledNames(random).filter((name) => !featured.has(name));
  return KIND_NAMES.flatMap((kind) =>
    Array.from({ length: KINDS[kind].count }, (_, index) => {
      const name = FEATURED[kind][index] ?? names.pop();
      if (name === undefined) throw new RangeError("the demo has run out of names");
      return makeObject(kind, name, random, now);
    }),
  );
}

function makeObject(kind: KindName, name: string, random: Random, now: Instant): SampleObject {
  const [owner = "", other = ""] = random.shuffle(PEOPLE);
  const row = (fields: Partial<SampleRow>): SampleRow => ({
    id: makeId(random),
    name,
    owner,
    status: "active",
    createdAt: now,
    expiresAt: null,
    downloadedAt: null,
    downloads: 0,
    maxDownloads: null,
    hold: false,
    ...fields,
  });
  const made = RECIPES[kind]({ random, now, owner, other, row });
  const folder = new Date(made.modifiedAt).toISOString().slice(0, 7).replace("-", "/");
  return { kind, key: `${folder}/${name}`, sizeBytes: sizeFor(name, random), ...made };
}

function makeId(random: Random): string {
  const letters = "abcdefghjkmnpqrstuvwxyz23456789";
  return Array.from({ length: 10 }, () => letters[random.between(0, letters.length - 1)]).join("");
}

// ------------------------------------------------------------------------------------------------------- recipes

/** How the files of a kind came to be what they are. */
const RECIPES: Readonly<Record<KindName, (draft: Draft) => Made>> = {
  expired({ random, now, row }) {
    const createdAt = daysBefore(now, random, 9, 182);
    const expiresAt = daysBefore(now, random, 1, Math.min(150, (now - createdAt) / DAY_MS - 5));
    return { modifiedAt: createdAt, rows: [row({ createdAt, expiresAt })], note: `expired ${ago(now - expiresAt)}` };
  },
  usedUp({ random, now, row }) {
    const createdAt = daysBefore(now, random, 8, 60);
    const downloadedAt = now - random.between(3 * HOUR_MS, 6 * DAY_MS);
    const times = random.between(1, 5);
    return {
      modifiedAt: createdAt,
      rows: [row({ createdAt, downloadedAt, downloads: times, maxDownloads: times })],
      note:
        times === 1
          ? `its only download was ${ago(now - downloadedAt)}`
          : `${times} of ${times} downloads, the last ${ago(now - downloadedAt)}`,
    };
  },
  leftOver({ random, now, row }) {
    const createdAt = daysBefore(now, random, 60, 180);
    const expiresAt = createdAt + random.between(7, 30) * DAY_MS;
    return {
      modifiedAt: createdAt,
      rows: [row({ createdAt, expiresAt, status: "expired" })],
      note: `its row ended ${ago(now - expiresAt)}`,
    };
  },
  orphan({ random, now }) {
    const modifiedAt = daysBefore(now, random, 4, 170);
    return { modifiedAt, rows: [], note: `${age(now - modifiedAt)} old; seen yesterday and today` };
  },
  newOrphan({ random, now }) {
    const modifiedAt = now - random.between(29 * HOUR_MS, 46 * HOUR_MS);
    return { modifiedAt, rows: [], note: `${age(now - modifiedAt)} old; first seen today` };
  },
  youngOrphan({ random, now }) {
    const modifiedAt = now - random.between(1 * HOUR_MS, 9 * HOUR_MS);
    return { modifiedAt, rows: [], note: `${age(now - modifiedAt)} old` };
  },
  claimed({ random, now, owner, row }) {
    const modifiedAt = daysBefore(now, random, 12, 80);
    const createdAt = now - random.between(2 * HOUR_MS, 8 * HOUR_MS);
    return { modifiedAt, rows: [row({ createdAt })], note: `shared again by ${owner} ${ago(now - createdAt)}` };
  },
  live({ random, now, row }) {
    // A site that grows: most of what is live was uploaded lately.
    const youngest = 5 * HOUR_MS;
    const createdAt = now - random.between(youngest, random.between(youngest, 182 * DAY_MS));
    const expiresAt = random.between(1, 10) > 3 ? now + random.between(3 * DAY_MS, 90 * DAY_MS) : null;
    const maxDownloads = random.between(1, 10) > 7 ? random.between(3, 10) : null;
    const downloads = random.between(0, (maxDownloads ?? 30) - 1);
    const downloadedAt = downloads === 0 ? null : random.between(createdAt + HOUR_MS, now - HOUR_MS);
    const end = expiresAt === null ? "never expires" : `expires in ${age(expiresAt - now)}`;
    const left = maxDownloads === null ? "" : `, ${counted(maxDownloads - downloads, "download")} left`;
    return {
      modifiedAt: createdAt,
      rows: [row({ createdAt, expiresAt, downloads, maxDownloads, downloadedAt })],
      note: `${end}${left}`,
    };
  },
  extended({ random, now, owner, row }) {
    const createdAt = daysBefore(now, random, 31, 120);
    const expiresAt = now - random.between(2 * DAY_MS, 6 * DAY_MS);
    const extendedTo = now + random.between(14, 60) * DAY_MS;
    return {
      modifiedAt: createdAt,
      rows: [row({ createdAt, expiresAt, since: { expiresAt: extendedTo } })],
      note: `${owner} extended it, ${age(extendedTo - now)} to go`,
    };
  },
  shared({ random, now, owner, other, row }) {
    const createdAt = daysBefore(now, random, 30, 170);
    const expiresAt = daysBefore(now, random, 2, 24);
    const later = row({ createdAt: createdAt + DAY_MS, owner: other, expiresAt: now + random.between(9, 60) * DAY_MS });
    return {
      modifiedAt: createdAt,
      rows: [row({ createdAt, expiresAt }), later],
      note: `${owner}'s link ended, ${other}'s lives on`,
    };
  },
  justUsedUp({ random, now, row }) {
    const createdAt = daysBefore(now, random, 3, 20);
    const downloadedAt = now - random.between(4 * MINUTE_MS, 25 * MINUTE_MS);
    const times = random.between(2, 5);
    const since = { downloadedAt, downloads: times };
    return {
      modifiedAt: createdAt,
      rows: [row({ createdAt, downloads: times - 1, maxDownloads: times, downloadedAt: createdAt + HOUR_MS, since })],
      note: `download ${times} of ${times} began ${ago(now - downloadedAt)}`,
    };
  },
  onHold({ random, now, row }) {
    const createdAt = daysBefore(now, random, 60, 170);
    const expiresAt = daysBefore(now, random, 3, 50);
    return {
      modifiedAt: createdAt,
      rows: [row({ createdAt, expiresAt, hold: true })],
      note: `expired ${ago(now - expiresAt)}, on hold`,
    };
  },
  unreadable({ random, now, row }) {
    const createdAt = daysBefore(now, random, 20, 150);
    const expiresAt = random.pick(["end of term", "31.11.", "in two weeks", "soon", "NaN", "after the fair"]);
    return { modifiedAt: createdAt, rows: [row({ createdAt, expiresAt })], note: `expires "${expiresAt}"` };
  },
};

/** An instant so many days ago, and some minutes. */
function daysBefore(now: Instant, random: Random, from: number, to: number): Instant {
  return now - random.between(from * DAY_MS, Math.max(from, to) * DAY_MS);
}

/** `41 days`, `30 hours`, `12 minutes`. */
function age(ms: number): string {
  if (ms >= 2 * DAY_MS) return counted(Math.floor(ms / DAY_MS), "day");
  return ms >= HOUR_MS ? counted(Math.floor(ms / HOUR_MS), "hour") : counted(Math.floor(ms / MINUTE_MS), "minute");
}

function ago(ms: number): string {
  return `${age(ms)} ago`;
}
