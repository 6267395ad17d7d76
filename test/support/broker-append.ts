import { setTimeout as sleep } from "node:timers/promises";
import type { EventLog } from "../../control/events/log.ts";
import { readAll } from "./log-conformance.ts";

export type Writer = {
  /** Numbers whose append returned. */
  told: number[];
  failures: string[];
  stop(): Promise<void>;
};

/** Appends numbers one after another to all partitions; a failed one is tried again. */
export function writeNumbers(log: EventLog): Writer {
  const partitions = log.partitions("limen.decisions");
  const told: number[] = [];
  const failures: string[] = [];
  let isOver = false;
  const run = async (): Promise<void> => {
    for (let number = 0; !isOver; ) {
      const value = new Uint8Array(Buffer.from(`${number}`));
      const partition = number % partitions;
      try {
        await log.append([{ topic: "limen.decisions", key: null, value, partition }]);
        told.push(number++);
      } catch (thrown) {
        failures.push((thrown as Error).message);
        await sleep(100);
      }
    }
  };
  const running = run();
  return {
    told,
    failures,
    stop: () => {
      isOver = true;
      return running;
    },
  };
}

/** The numbers that are stored, in the order of the partitions. */
export async function readNumbers(log: EventLog): Promise<number[]> {
  const numbers: number[] = [];
  for (let partition = 0; partition < log.partitions("limen.decisions"); partition++) {
    for (const { value } of await readAll(log, "limen.decisions", partition)) {
      numbers.push(Number(Buffer.from(value ?? []).toString()));
    }
  }
  return numbers;
}

/** Numbers told as stored that are not. */
export async function findLost(log: EventLog, { told }: Writer): Promise<number[]> {
  const stored = new Set(await readNumbers(log));
  return told.filter((number) => !stored.has(number));
}
