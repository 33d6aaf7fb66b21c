/** The path under which an application remembers an upload, as the key of an object. Pure. */
import path from "node:path";

/** Where the objects are, as a path could name it. */
export type UploadPlace =
  /** `roots`: the store's folder, as it was written and behind its links; absolute. */
  | { readonly kind: "folder"; readonly roots: readonly string[]; readonly workingDirectory: string }
  /** Every object lies under `prefix`, which is empty or ends in a slash. */
  | { readonly kind: "bucket"; readonly prefix: string };

/**
 * The key of the object that `uploadPath` names. A path that lies in the store says so itself. Any other is the path of
 * another machine or working directory: then the folder that the file `id` lies in is taken for the store's.
 * @returns with a warning where that is a guess
 */
export function keyOfUpload(
  uploadPath: string,
  id: string,
  place: UploadPlace,
): { readonly key: string; readonly warning?: string } {
  const inside = place.kind === "bucket" ? belowPrefix(uploadPath, place.prefix) : belowFolder(uploadPath, place);
  if (inside !== null) return { key: inside };
  const folder = uploadPath.slice(0, Math.max(0, uploadPath.length - id.length));
  if (uploadPath === `${folder}${id}` && (folder === "" || /[\\/]$/.test(folder))) {
    if (folder === "") return { key: id };
    const shown = JSON.stringify(folder);
    return { key: id, warning: `the path begins with ${shown}, which was taken for the store: the key is the id` };
  }
  return {
    key: uploadPath,
    warning: "the path does not lie in the store, nor end in the id: it was taken for the key",
  };
}

function belowPrefix(uploadPath: string, prefix: string): string | null {
  const relative = uploadPath.startsWith(prefix) ? uploadPath.slice(prefix.length) : "";
  return relative === "" || relative.startsWith("/") ? null : relative;
}

function belowFolder(uploadPath: string, place: UploadPlace & { readonly kind: "folder" }): string | null {
  const absolute = path.resolve(place.workingDirectory, uploadPath);
  for (const root of place.roots) {
    const relative = path.relative(root, absolute);
    const below = relative !== "" && !path.isAbsolute(relative) && relative.split(path.sep)[0] !== "..";
    if (below) return relative.split(path.sep).join("/");
  }
  return null;
}
