import type { StoreTraits } from "../contract/store.ts";

/** What every store in a bucket has and has not. */
export const BUCKET_TRAITS: StoreTraits = {
  compares: false,
  setsModifiedAt: false,
  hasEtags: true,
  invalidKeys: [],
  hasDirectories: false,
  versioning: "none",
};
