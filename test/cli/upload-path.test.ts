import { describe, expect, it } from "vitest";
import { keyOfUpload, type UploadPlace } from "../../src/cli/upload-path.ts";

const FOLDER: UploadPlace = {
  kind: "folder",
  roots: ["/srv/link", "/mnt/disk/uploads"],
  workingDirectory: "/srv/app",
};
const bucket = (prefix: string): UploadPlace => ({ kind: "bucket", prefix });

describe("the key of an upload", () => {
  it.each<[string, string, UploadPlace, string]>([
    ["an absolute path in the store's folder", "/srv/link/x1", FOLDER, "x1"],
    ["the same behind the links", "/mnt/disk/uploads/x1", FOLDER, "x1"],
    ["a folder below it", "/srv/link/2026/x1", FOLDER, "2026/x1"],
    ["a relative path that leads there", "../link/x1", FOLDER, "x1"],
    ["a path with dots", "/srv/link/./a/../x1", FOLDER, "x1"],
    ["a key below the prefix of a bucket", "uploads/x1", bucket("uploads/"), "x1"],
    ["a key of a bucket without prefix", "uploads/x1", bucket(""), "uploads/x1"],
    ["an id alone", "x1", FOLDER, "x1"],
  ])("is told by the path itself: %s", (_, path, place, key) => {
    expect(keyOfUpload(path, "x1", place)).toEqual({ key });
  });

  it.each<[string, string, UploadPlace]>([
    ["a path of another machine", "/app/uploads/x1", FOLDER],
    ["a relative path of another working directory", "uploads/x1", FOLDER],
    ["a neighbour of the folder", "/srv/link2/x1", FOLDER],
    ["Windows'", "C:\\app\\uploads\\x1", FOLDER],
    ["a folder where the store is a bucket", "/app/uploads/x1", bucket("files/")],
  ])("is the id where the path is the upload folder joined with it, and that is told: %s", (_, path, place) => {
    expect(keyOfUpload(path, "x1", place)).toEqual({
      key: "x1",
      warning: expect.stringContaining("was taken for the store"),
    });
  });

  it.each<[string, string, UploadPlace]>([
    ["the store's folder itself", "/srv/link", FOLDER],
    ["what does not end in the id", "/elsewhere/y", FOLDER],
    ["what ends in the id by chance", "/elsewhere/zx1", FOLDER],
    ["the prefix itself", "files/", bucket("files/")],
  ])("is in doubt the path, which protects what it may mean: %s", (_, path, place) => {
    expect(keyOfUpload(path, "x1", place)).toEqual({
      key: path,
      warning: expect.stringContaining("taken for the key"),
    });
  });
});
