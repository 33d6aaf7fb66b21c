/** P6: once faults have stopped and filesweep has run, ledger, gate, catalog and store agree, and nothing is left to do. */
import type { ListedObject } from "../../src/core/ports.ts";
import type { RunSettings } from "../../src/core/settings.ts";
import type { Application } from "./application.ts";
import type { Oracle } from "./oracle.ts";
import { isDue, isIgnored, isOld, protects } from "./rules.ts";
import { quote, type Stage } from "./stage.ts";

export interface Scene {
  readonly stage: Stage;
  readonly application: Application;
  readonly oracle: Oracle;
  /** Of a run that begins now. */
  readonly settings: RunSettings;
}

/** What is not as it must be, in words. */
export async function leftOver(scene: Scene): Promise<string[]> {
  const { stage, application, settings } = scene;
  const left: string[] = [];
  for (const row of application.rows.values()) {
    if (isDue(row, stage.now, settings)) left.push(`${row.id} is due`);
    if (isOld(row, stage.now, settings)) left.push(`the record ${row.id} is old`);
  }
  const mayStay = await whatMayStay(scene);
  for (const object of (await stage.objects()).values()) {
    if (!mayStay(object)) left.push(`${quote(object.key)} is garbage`);
  }
  for (const { key, initiatedAt } of stage.store.uploads()) {
    const isStale = initiatedAt !== null && initiatedAt + settings.uploadGraceMs < stage.now;
    if (isStale && !isIgnored(key, settings.ignorePrefixes)) left.push(`an upload of ${quote(key)} is stale`);
  }
  return [...left, ...(await openEnds(stage))];
}

async function whatMayStay({
  stage,
  application,
  oracle,
  settings,
}: Scene): Promise<(object: ListedObject) => boolean> {
  const { catalog, site } = stage;
  const named = application.table.protectedKeys();
  const ended = [...application.rows.values()].filter((row) => !protects(row) && row.ours !== 0);
  // What such a row left is the application's own affair, where filesweep did not remove it once.
  const theirs = site.leftovers === "own" ? ended.flatMap(({ key }) => [key, ...catalog.derived(key)]) : [];
  const mayStay = new Set([...named, ...theirs]);
  // When filesweep believes rows to be lost.
  const [restored] = await stage.rows("SELECT value FROM filesweep_meta WHERE name = 'restored'");
  const windows: { from: number; to: number }[] = JSON.parse(String(restored?.["value"] ?? "[]"));
  return ({ key, modifiedAt }) =>
    mayStay.has(key) ||
    oracle.isKept(key) ||
    isIgnored(key, settings.ignorePrefixes) ||
    modifiedAt === null ||
    windows.some(({ from, to }) => modifiedAt >= from && modifiedAt <= to);
}

async function openEnds(stage: Stage): Promise<string[]> {
  const open = await stage.rows("SELECT key, state FROM filesweep_removals WHERE state NOT IN ('removed', 'released')");
  const shut = await stage.rows("SELECT key FROM filesweep_gate WHERE leaves_at IS NULL");
  const holds = await stage.rows("SELECT cause FROM filesweep_holds WHERE status IN ('open', 'cancelled')");
  return [
    ...open.map(({ key, state }) => `the removal of ${quote(String(key))} is ${String(state)}`),
    ...shut.map(({ key }) => `${quote(String(key))} is behind the gate for ever`),
    ...holds.map(({ cause }) => `the hold ${String(cause)} is not closed`),
  ];
}
