/** How a store answers that keeps to the contract and to nothing more, or lies. */
import { SweepError } from "../../src/core/errors.ts";
import { compareKeys } from "../../src/core/keys.ts";
import type {
  DeleteOutcome,
  DeleteRequest,
  ListedObject,
  ListPage,
  UploadName,
  UploadPage,
} from "../../src/core/ports.ts";
import type { Stage } from "./stage.ts";

export async function answerList(
  stage: Stage,
  { after, limit }: { after: string | null; limit: number },
): Promise<ListPage> {
  const fault = stage.takeFault(
    "short-page",
    "empty-page",
    "backwards",
    "repeated",
    "stale-listing",
    "incomplete-listing",
    "list-error",
  );
  const page = await stage.store.list({ after, limit: fault === "short-page" ? 1 : limit });
  const [first] = page.objects;
  switch (fault) {
    case "list-error":
      throw new SweepError("unavailable", "injected: the listing failed");
    case "backwards":
      return { ...page, objects: page.objects.toReversed() };
    case "repeated":
      return first === undefined ? page : { ...page, objects: [first, ...page.objects] };
    case "incomplete-listing":
      return { objects: page.objects.slice(0, page.objects.length >> 1), next: null };
    case "empty-page":
      return emptyPage(after, first) ?? page;
    case "stale-listing":
      return stale(stage.frozenListing, after, limit) ?? page;
    default:
      return page;
  }
}

/** Nothing, and a token: what lies up to the token is covered. */
function emptyPage(after: string | null, first: ListedObject | undefined): ListPage | null {
  const next = `${after ?? ""}!`;
  return first !== undefined && compareKeys(next, first.key) < 0 ? { objects: [], next } : null;
}

function stale(frozen: readonly ListedObject[] | null, after: string | null, limit: number): ListPage | null {
  if (frozen === null) return null;
  const rest = frozen.filter(({ key }) => after === null || compareKeys(key, after) > 0);
  const objects = rest.slice(0, limit);
  return { objects, next: rest.length > limit ? (objects.at(-1)?.key ?? null) : null };
}

/** Uploads that were completed or aborted long since may be listed still. */
export async function answerListUploads(
  stage: Stage,
  { after, limit }: { after: UploadName | null; limit: number },
): Promise<UploadPage | "not-supported"> {
  const fault = stage.site.folder ? null : stage.takeFault("short-uploads", "stale-uploads", "uploads-error");
  if (fault === "uploads-error") throw new SweepError("unavailable", "injected: the listing of uploads failed");
  const frozen = fault === "stale-uploads" ? stage.frozenUploads : null;
  if (frozen === null || after !== null) {
    return stage.store.listUploads({ after, limit: fault === "short-uploads" ? 1 : limit });
  }
  return { uploads: frozen, next: null };
}

export async function answerHead(stage: Stage, key: string): Promise<ListedObject | null> {
  return stage.takeFault("not-found") === null ? stage.store.head(key) : null;
}

/** Of the first half of a batch nothing becomes, or nobody knows what, or nothing is said. */
export async function answerDelete(
  stage: Stage,
  requests: readonly DeleteRequest[],
  work: (requests: readonly DeleteRequest[]) => Promise<DeleteOutcome[]>,
): Promise<DeleteOutcome[]> {
  const fault = stage.takeFault("partly-refused", "partly-unknown", "partly-unnamed");
  if (fault === null) return work(requests);
  const half = requests.slice(0, Math.ceil(requests.length / 2));
  const rest = await work(requests.slice(half.length));
  if (fault === "partly-refused") {
    return [...half.map(({ key }): DeleteOutcome => ({ key, outcome: "refused", error: "SlowDown" })), ...rest];
  }
  await work(half);
  if (fault === "partly-unnamed") return rest;
  return [...half.map(({ key }): DeleteOutcome => ({ key, outcome: "unknown", error: "lost" })), ...rest];
}
