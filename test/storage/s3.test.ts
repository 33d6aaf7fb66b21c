/** The contract, over the S3 server that wrangler carries: it checks signatures, and its objects are R2's. */
import { AwsClient } from "aws4fetch";
import { afterAll, beforeAll } from "vitest";
import { createS3Store } from "../../src/storage/s3.ts";
import { describeStore, type StoreHarness } from "../contract/store.ts";
import { BUCKET_TRAITS } from "../support/bucket-traits.ts";
import { remoteStore, startWorkerd, type Workerd } from "../support/workerd.ts";

let workerd: Workerd;

beforeAll(async () => {
  workerd = await startWorkerd();
});
afterAll(() => workerd.close());

/** This server refuses no single key, so the refusal is put into its answer, and the key taken out of what it is asked. */
function refusing(undeletable: ReadonlySet<string>, settings: Workerd["s3"]): typeof fetch {
  const aws = new AwsClient({ ...settings, sessionToken: undefined, service: "s3", retries: 0 } as never);
  return async (input, init) => {
    const body = typeof init?.body === "string" ? init.body : "";
    const named = [...undeletable].filter((key) => body.includes(`<Key>${key}</Key>`));
    if (named.length === 0) return fetch(input, init);
    let rest = body;
    for (const key of named) rest = rest.replace(`<Object><Key>${key}</Key></Object>`, "");
    const errors = named
      .map((key) => `<Error><Key>${key}</Key><Code>AccessDenied</Code><Message>Access Denied</Message></Error>`)
      .join("");
    if (!rest.includes("<Object>")) return new Response(`<DeleteResult>${errors}</DeleteResult>`);
    const answer = await aws.fetch(String(input), { method: "POST", body: rest });
    return new Response((await answer.text()).replace("</DeleteResult>", `${errors}</DeleteResult>`));
  };
}

async function makeS3Harness(inWorkerd: boolean): Promise<StoreHarness> {
  const undeletable = new Set<string>();
  const options = { ...workerd.s3, prefix: "", now: () => Date.now() };
  return {
    store: inWorkerd
      ? remoteStore(workerd, { s3: { ...workerd.s3, prefix: "" } })
      : createS3Store({ ...options, fetch: refusing(undeletable, workerd.s3) }),
    shortPages: null,
    put: async (key, { sizeBytes = 3 } = {}) => void (await workerd.call({ about: "put", keys: [key], sizeBytes })),
    putAll: async (keys) => void (await workerd.call({ about: "put", keys, sizeBytes: 3 })),
    exists: async (key) => (await workerd.call({ about: "exists", key })) === true,
    remove: async (key) => void (await workerd.call({ about: "remove", key })),
    makeUndeletable: async (key) => void undeletable.add(key),
    // This server answers that it cannot list them.
    beginUpload: null,
    close: async () => void (await workerd.call({ about: "empty" })),
  };
}

describeStore("the S3 store", () => makeS3Harness(false), {
  ...BUCKET_TRAITS,
  // Its addresses hold no carriage return, and its documents no references.
  unfound: ["return\rkey"],
});
