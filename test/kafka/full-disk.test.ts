import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import type { EventLog } from "../../control/events/log.ts";
import { openTestLog, startTestKafka, type TestKafka } from "../support/broker.ts";
import { readAll } from "../support/log-conformance.ts";
import { passBy } from "../support/pass-by.ts";

const GIVE_UP_MS = 13_000;
const DISK_BYTES = 48 * 1024 * 1024;
const MOUNT = "limen-test";

let folder: string | undefined;
let kafka: TestKafka | undefined;
let log: EventLog | undefined;

const mount = (...args: string[]): Buffer => execFileSync("mount", args, { stdio: "pipe" });
/** A small disk of its own; undefined where this user may not mount one. */
function mountDisk(): string | undefined {
  folder = mkdtempSync(join(tmpdir(), "limen-disk-"));
  const disk = join(folder, "disk");
  mkdirSync(disk);
  try {
    mount("-t", "tmpfs", "-o", `size=${DISK_BYTES}`, MOUNT, disk);
    return disk;
  } catch (thrown) {
    passBy(`the right to mount a small disk (${(thrown as Error).message.split("\n")[0]})`);
    return undefined;
  }
}

afterEach(async () => {
  await log?.close();
  await kafka?.remove();
  if (!folder) return;
  try {
    execFileSync("umount", [join(folder, "disk")], { stdio: "pipe" });
  } catch {
    // It was never mounted.
  }
  rmSync(folder, { recursive: true });
});

describe("append, to a broker whose disk is full", () => {
  it("fails soon, and goes on once there is room, with all it told as stored", async ({ skip }) => {
    const disk = mountDisk();
    if (disk === undefined) return skip();
    kafka = await startTestKafka({ dataFolder: () => join(disk, "data") });
    if (!kafka) return skip();
    log = await openTestLog(kafka.settingsOf(""));
    let told = 0;
    const value = new Uint8Array(1_000_000);
    const fill = async (own: EventLog): Promise<void> => {
      for (let count = 0; count < 100; count++) {
        await own.append([{ topic: "limen.decisions", key: null, value }]);
        told++;
      }
    };
    const begin = performance.now();
    await expect(fill(log)).rejects.toMatchObject({ code: "unavailable" });
    expect(performance.now() - begin).toBeLessThan(GIVE_UP_MS + told * 1_000);
    expect(told * value.length).toBeLessThan(DISK_BYTES);
    mount("-o", "remount,size=256m", disk);
    await kafka.nodes[0]?.restart();
    await log.append([{ topic: "limen.decisions", key: null, value }]);
    expect((await readAll(log, "limen.decisions")).length).toBeGreaterThanOrEqual(told + 1);
  }, 120_000);
});
