/** What tests do to a bucket past the store: signed requests of their own. */
import { AwsClient } from "aws4fetch";
import type { S3Settings } from "../../src/core/settings.ts";

export interface RawBucket {
  put(key: string, content?: string): Promise<void>;
  exists(key: string): Promise<boolean>;
  remove(key: string): Promise<void>;
  /** Begins a multipart upload and answers its id. */
  beginUpload(key: string): Promise<string>;
  /** A request about the bucket. @throws where it is no success */
  ask(method: string, query: string, body?: string): Promise<string>;
  /** Deletes everything, uploads included. */
  empty(): Promise<void>;
  /** Aborts every upload. */
  abortAll(): Promise<void>;
}

export interface RawOptions extends S3Settings {
  readonly bucket: string;
  /** How far the clock that signs is from this machine's. */
  readonly clockOffsetMs?: number;
}

export function rawBucket(options: RawOptions): RawBucket {
  const { endpoint, bucket, region, accessKeyId, secretAccessKey, clockOffsetMs = 0 } = options;
  const aws = new AwsClient({ accessKeyId, secretAccessKey, region, service: "s3", retries: 0 });
  const root = `${endpoint}/${bucket}`;

  async function send(method: string, path: string, body?: string): Promise<Response> {
    const datetime = new Date(Date.now() + clockOffsetMs).toISOString().replace(/[:-]|\.\d{3}/g, "");
    return aws.fetch(root + path, { method, ...(body === undefined ? {} : { body }), aws: { datetime } });
  }
  async function ask(method: string, path: string, body?: string): Promise<string> {
    const answer = await send(method, path, body);
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path} answered ${answer.status}: ${text}`);
    return text;
  }
  const pathOf = (key: string): string => `/${key.split("/").map(encodeKey).join("/")}`;
  const valuesOf = (xml: string, name: string): string[] =>
    [...xml.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, "g"))].map((match) =>
      decodeURIComponent((match[1] ?? "").replaceAll("+", " ")),
    );

  async function abortAll(): Promise<void> {
    const uploads = await ask("GET", "?uploads=&encoding-type=url");
    const [keys, ids] = [valuesOf(uploads, "Key"), valuesOf(uploads, "UploadId")];
    for (const [index, key] of keys.entries()) {
      await send("DELETE", `${pathOf(key)}?uploadId=${encodeURIComponent(ids[index] ?? "")}`);
    }
  }

  return {
    put: async (key, content = "xxx") => void (await ask("PUT", pathOf(key), content)),
    async exists(key) {
      const { status } = await send("HEAD", pathOf(key));
      return status === 200;
    },
    remove: async (key) => void (await ask("DELETE", pathOf(key))),
    async beginUpload(key) {
      const [uploadId] = valuesOf(await ask("POST", `${pathOf(key)}?uploads=`), "UploadId");
      if (uploadId === undefined) throw new Error("the upload has no id");
      return uploadId;
    },
    ask: (method, query, body) => ask(method, query, body),
    async empty() {
      await abortAll();
      for (;;) {
        const objects = valuesOf(await ask("GET", "?list-type=2&encoding-type=url"), "Key");
        if (objects.length === 0) return;
        for (let start = 0; start < objects.length; start += 50) {
          await Promise.all(objects.slice(start, start + 50).map((key) => send("DELETE", pathOf(key))));
        }
      }
    },
    abortAll,
  };
}

function encodeKey(segment: string): string {
  return encodeURIComponent(segment).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
