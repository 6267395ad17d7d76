import { describe, expect, it } from "vitest";
import { LimenError } from "../../../control/errors.ts";
import { createSayOnce } from "../../../control/service/say-once.ts";

function listen() {
  const said: string[] = [];
  return { said, ...createSayOnce("counting", (line) => said.push(line)) };
}

describe("createSayOnce", () => {
  it("says a failure that repeats once", () => {
    const { said, failed } = listen();
    for (const _ of [1, 2, 3]) failed(new Error("the log is away"));
    expect(said).toHaveLength(1);
  });

  it("says another failure too", () => {
    const { said, failed } = listen();
    failed(new Error("the log is away"));
    failed(new Error("the disk is full"));
    expect(said[1]).toContain("the disk is full");
  });

  it("says that it works again, and then the same failure again", () => {
    const { said, failed, worked } = listen();
    failed(new Error("the log is away"));
    worked();
    failed(new Error("the log is away"));
    expect([said[1], said[2]]).toEqual(["counting: works again", said[0]]);
  });

  it("says nothing while it works", () => {
    const { said, worked } = listen();
    worked();
    expect(said).toEqual([]);
  });
});

describe("createSayOnce, while the event log is away", () => {
  const away = (doing: string): LimenError =>
    new LimenError("unavailable", `event log kafka://b:9092: ${doing}; look at the brokers`);
  const LATER_MS = 25_000;

  /** Two parts of one process, at a time that is set. */
  function open() {
    const said: string[] = [];
    const say = (line: string): number => said.push(line);
    const clock = { ms: 0 };
    const part = (what: string) => createSayOnce(what, say, () => clock.ms);
    return { said, clock, reading: part("reading"), writing: part("writing") };
  }

  it("says the first failure of several parts, and no other of that outage", () => {
    const { said, reading, writing } = open();
    reading.failed(away("read"));
    writing.failed(away("append"));
    reading.failed(away("find the end"));
    expect(said).toEqual([away("read").message]);
  });

  it("says that it is back when the last part works again", () => {
    const { said, reading, writing } = open();
    reading.failed(away("read"));
    writing.failed(away("append"));
    reading.worked();
    expect(said).toHaveLength(1);
    writing.worked();
    expect(said.slice(1)).toEqual(["event log: works again"]);
  });

  it("does not wait longer than 25 s for a part that has nothing to do", () => {
    const { said, clock, reading, writing } = open();
    reading.failed(away("read"));
    writing.failed(away("append"));
    clock.ms = LATER_MS - 1;
    reading.worked();
    expect(said).toHaveLength(1);
    clock.ms = LATER_MS;
    reading.worked();
    expect(said.slice(1)).toEqual(["event log: works again"]);
  });

  it("says the next outage", () => {
    const { said, reading } = open();
    reading.failed(away("read"));
    reading.worked();
    reading.failed(away("read"));
    expect(said).toEqual([said[0], "event log: works again", said[0]]);
  });

  it("says another failure all the same", () => {
    const { said, reading, writing } = open();
    reading.failed(away("read"));
    writing.failed(new LimenError("refused", "event log kafka://b:9092: append: no rights"));
    expect(said[1]).toContain("no rights");
  });

  it("says an outage for each process of its own", () => {
    const [one, other] = [open(), open()];
    one.reading.failed(away("read"));
    other.reading.failed(away("read"));
    expect([one.said, other.said]).toEqual([[away("read").message], [away("read").message]]);
  });
});
