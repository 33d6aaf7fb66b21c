/**
 * A small S3 server of our own, whose objects a test holds in its hands, and which misbehaves in one way at a time. It is
 * strict where strict servers are: DeleteObjects has to carry its digest, and takes no more than 1,000 keys.
 */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { compareKeys } from "../../src/core/keys.ts";
import type { S3Settings } from "../../src/core/settings.ts";

export interface ServedObject {
  readonly sizeBytes: number;
  readonly modifiedAt: number;
  readonly content?: string;
}

/** What a request asks. */
export type S3Ask = "list" | "head" | "delete" | "get" | "put" | "uploads" | "abort" | "versioning";

export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** `reset`: the connection breaks. `drip`: half of the body comes, and then nothing. */
  readonly connection?: "reset" | "drip";
}

/** Changes an answer; by then the request has had its effect. */
export type Mischief = (ask: S3Ask, answer: Answer, query: URLSearchParams) => Answer;

export interface S3Server {
  readonly settings: S3Settings & { readonly bucket: string };
  readonly objects: Map<string, ServedObject>;
  /** By `key id`. */
  readonly uploads: Map<string, { readonly key: string; readonly uploadId: string; readonly initiatedAt: number }>;
  /** Keys that may not be deleted. */
  readonly denied: Set<string>;
  /** Keys for the sake of which a whole batch is refused, but not a single delete. */
  readonly refusesBatchesWith: Set<string>;
  /** Requests so far, the newest last: what was asked, and the method with the path. */
  readonly asked: { readonly ask: S3Ask; readonly request: string }[];
  /** How it misbehaves from now on. */
  mischief: Mischief;
  close(): Promise<void>;
}

export const WELL_BEHAVED: Mischief = (_ask, answer) => answer;

const BUCKET = "files";

/** @param now the server's clock, in epoch milliseconds */
export async function startS3Server(now: () => number = () => Date.now()): Promise<S3Server> {
  const server = createServer((request, response) => {
    serve(request, response).catch((failure: unknown) => {
      // Whoever broke off in the middle of a request waits for no answer, and nothing was done for him.
      if (request.complete) throw failure;
      response.destroy();
    });
  });
  const state: Omit<S3Server, "settings" | "close"> = {
    objects: new Map(),
    uploads: new Map(),
    denied: new Set(),
    refusesBatchesWith: new Set(),
    asked: [],
    mischief: WELL_BEHAVED,
  };

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const url = new URL(request.url ?? "/", "http://server");
    const key = decodeURIComponent(url.pathname.slice(`/${BUCKET}/`.length));
    const ask = askOf(request.method ?? "", url.searchParams);
    state.asked.push({ ask, request: `${request.method} ${request.url}` });
    const honest = answerTo(state, ask, key, url.searchParams, request, Buffer.concat(chunks).toString("utf8"));
    send(response, state.mischief(ask, honest, url.searchParams), request.method === "HEAD", now());
  }

  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  // What listens on a port has an address with one.
  const { port } = server.address() as AddressInfo;
  return Object.assign(state, {
    settings: {
      endpoint: `http://127.0.0.1:${port}`,
      region: "auto",
      accessKeyId: "key",
      secretAccessKey: "secret",
      sessionToken: null,
      forcePathStyle: true,
      bucket: BUCKET,
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
    },
  });
}

function askOf(method: string, query: URLSearchParams): S3Ask {
  if (method === "POST") return "delete";
  if (method === "HEAD") return "head";
  if (method === "PUT") return "put";
  if (method === "DELETE") return query.has("uploadId") ? "abort" : "delete";
  if (query.has("list-type")) return "list";
  if (query.has("uploads")) return "uploads";
  return query.has("versioning") ? "versioning" : "get";
}

type State = Omit<S3Server, "settings" | "close">;

function answerTo(
  state: State,
  ask: S3Ask,
  key: string,
  query: URLSearchParams,
  request: IncomingMessage,
  body: string,
): Answer {
  const object = state.objects.get(key);
  switch (ask) {
    case "list":
      return { body: listing(state, query) };
    case "head":
      return object === undefined ? { status: 404 } : { headers: headersOf(object) };
    case "get":
      return object === undefined
        ? error(404, "NoSuchKey")
        : { headers: headersOf(object), body: object.content ?? "" };
    case "put":
      state.objects.set(key, { sizeBytes: body.length, modifiedAt: Date.UTC(2026, 0), content: body });
      return {};
    case "delete":
      return request.method === "POST" ? deleteObjects(state, request, body) : deleteObject(state, key);
    case "uploads":
      return { body: uploads(state, query) };
    case "abort":
      return state.uploads.delete(`${key} ${query.get("uploadId")}`) ? { status: 204 } : error(404, "NoSuchUpload");
    case "versioning":
      return { body: "<VersioningConfiguration/>" };
  }
}

export function error(status: number, code: string, inner = ""): Answer {
  return { status, body: `<Error><Code>${code}</Code><Message>It says ${code}.</Message>${inner}</Error>` };
}

function listing({ objects }: State, query: URLSearchParams): string {
  const prefix = query.get("prefix") ?? "";
  const after = query.get("continuation-token") ?? query.get("start-after") ?? "";
  const limit = Number(query.get("max-keys") ?? 1000);
  const all = [...objects.keys()]
    .filter((key) => key.startsWith(prefix) && compareKeys(key, after) > 0)
    .sort(compareKeys);
  const page = all.slice(0, limit);
  const contents = page.map((key) => contentsOf(key, objects.get(key)));
  const isTruncated = page.length < all.length;
  const token = isTruncated ? `<NextContinuationToken>${inXml(page.at(-1) ?? "")}</NextContinuationToken>` : "";
  return `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>${BUCKET}</Name><EncodingType>url</EncodingType><IsTruncated>${isTruncated}</IsTruncated>${token}${contents.join("")}</ListBucketResult>`;
}

function contentsOf(key: string, object: ServedObject | undefined): string {
  const modified = new Date(object?.modifiedAt ?? 0).toISOString();
  return `<Contents><Key>${encodeURIComponent(key)}</Key><LastModified>${modified}</LastModified><ETag>&quot;${etagOf(object)}&quot;</ETag><Size>${object?.sizeBytes ?? 0}</Size></Contents>`;
}

function etagOf(object: ServedObject | undefined): string {
  return `${object?.modifiedAt ?? 0}-${object?.sizeBytes ?? 0}`;
}

function headersOf(object: ServedObject): Record<string, string> {
  const length = object.content === undefined ? object.sizeBytes : Buffer.byteLength(object.content);
  return {
    "content-length": String(length),
    etag: `"${etagOf(object)}"`,
    "last-modified": new Date(object.modifiedAt).toUTCString(),
  };
}

function uploads(state: State, query: URLSearchParams): string {
  const prefix = query.get("prefix") ?? "";
  const limit = Number(query.get("max-uploads") ?? 1000);
  const [key, id] = [query.get("key-marker") ?? "", query.get("upload-id-marker") ?? ""];
  const all = [...state.uploads.values()]
    .filter((upload) => upload.key.startsWith(prefix))
    .sort((a, b) => compareKeys(a.key, b.key) || compareKeys(a.uploadId, b.uploadId))
    .filter((upload) => (compareKeys(upload.key, key) || compareKeys(upload.uploadId, id)) > 0);
  const page = all.slice(0, limit);
  const last = page.at(-1);
  const isTruncated = page.length < all.length && last !== undefined;
  const isEncoded = query.get("encoding-type") === "url";
  const written = (text: string): string => (isEncoded ? encodeURIComponent(text) : inXml(text));
  const next = isTruncated
    ? `<NextKeyMarker>${written(last.key)}</NextKeyMarker><NextUploadIdMarker>${last.uploadId}</NextUploadIdMarker>`
    : "";
  const inner = page.map(
    (upload) =>
      `<Upload><Key>${written(upload.key)}</Key><UploadId>${upload.uploadId}</UploadId><Initiated>${new Date(upload.initiatedAt).toISOString()}</Initiated></Upload>`,
  );
  return `<ListMultipartUploadsResult>${isEncoded ? "<EncodingType>url</EncodingType>" : ""}<IsTruncated>${isTruncated}</IsTruncated>${next}${inner.join("")}</ListMultipartUploadsResult>`;
}

function deleteObjects(state: State, request: IncomingMessage, body: string): Answer {
  const digest = (algorithm: string, form: "base64" | "hex"): string => createHash(algorithm).update(body).digest(form);
  if (request.headers["content-md5"] !== digest("md5", "base64")) return error(400, "BadDigest");
  if (request.headers["x-amz-content-sha256"] !== digest("sha256", "hex"))
    return error(400, "XAmzContentSHA256Mismatch");
  const keys = [...body.matchAll(/<Key>([^<]*)<\/Key>/g)].map((match) => fromXml(match[1] ?? ""));
  const isOdd = keys.some((key) => state.refusesBatchesWith.has(key));
  if (keys.length === 0 || keys.length > 1000 || isOdd) return error(400, "MalformedXML");
  // In another order than asked for, as Ceph does.
  const answers = keys.reverse().map((key) => {
    if (state.denied.has(key))
      return `<Error><Key>${inXml(key)}</Key><Code>AccessDenied</Code><Message>Denied.</Message></Error>`;
    state.objects.delete(key);
    return `<Deleted><Key>${inXml(key)}</Key></Deleted>`;
  });
  return { body: `<DeleteResult>${answers.join("")}</DeleteResult>` };
}

function deleteObject(state: State, key: string): Answer {
  if (state.denied.has(key)) return error(403, "AccessDenied");
  state.objects.delete(key);
  return { status: 204 };
}

function inXml(text: string): string {
  return text.replace(/[^\w/.-]/gu, (character) => `&#${character.codePointAt(0)};`);
}

const NAMED: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

function fromXml(text: string): string {
  return text.replace(/&(?:#(\d+)|(\w+));/g, (_, code: string | undefined, name: string) =>
    code === undefined ? (NAMED[name] ?? "") : String.fromCodePoint(Number(code)),
  );
}

function send(response: ServerResponse, answer: Answer, isHead: boolean, now: number): void {
  const { status = 200, headers = {}, body = "", connection } = answer;
  if (connection === "reset") {
    response.destroy();
    return;
  }
  response.writeHead(status, { date: new Date(now).toUTCString(), "content-type": "application/xml", ...headers });
  if (connection === "drip") response.write(body.slice(0, body.length / 2));
  else response.end(isHead ? undefined : body);
}
