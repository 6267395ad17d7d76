import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createMailbox } from "../../../control/xds/mailbox.ts";

const DEADLINE_MS = 1000;

/** A wire that keeps each message until the test lets it leave, and a newest value to send. */
function openMailboxTest() {
  const written: string[] = [];
  const leaving: (() => void)[] = [];
  let newest: string | null = null;
  let slow = 0;
  const mailbox = createMailbox(
    {
      write(message, done) {
        written.push(message.toString());
        leaving.push(done);
      },
    },
    () => {
      const taken = newest;
      newest = null;
      return taken === null ? null : Buffer.from(taken);
    },
    DEADLINE_MS,
    () => {
      slow += 1;
    },
  );
  return {
    written,
    slow: () => slow,
    post(text: string): void {
      newest = text;
      mailbox.wake();
    },
    leave: () => leaving.shift()?.(),
    close: mailbox.close,
  };
}

describe("createMailbox", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("writes at once when nothing is in flight", () => {
    const box = openMailboxTest();
    box.post("a");
    expect(box.written).toEqual(["a"]);
  });

  it("holds one message in flight, then writes the newest only", () => {
    const box = openMailboxTest();
    for (const text of ["a", "b", "c", "d"]) box.post(text);
    expect(box.written).toEqual(["a"]);
    box.leave();
    expect(box.written).toEqual(["a", "d"]);
  });

  it("writes nothing when nothing is due", () => {
    const box = openMailboxTest();
    box.post("a");
    box.leave();
    expect(box.written).toEqual(["a"]);
  });

  it("is patient until the deadline and calls the client slow at it, once", () => {
    const box = openMailboxTest();
    box.post("a");
    vi.advanceTimersByTime(DEADLINE_MS - 1);
    expect(box.slow()).toBe(0);
    vi.advanceTimersByTime(1);
    vi.advanceTimersByTime(10 * DEADLINE_MS);
    expect(box.slow()).toBe(1);
  });

  it("gives each message its own deadline", () => {
    const box = openMailboxTest();
    box.post("a");
    vi.advanceTimersByTime(DEADLINE_MS - 1);
    box.post("b");
    box.leave();
    vi.advanceTimersByTime(DEADLINE_MS - 1);
    expect(box.slow()).toBe(0);
  });

  it("writes no more after a slow message left late", () => {
    const box = openMailboxTest();
    box.post("a");
    vi.advanceTimersByTime(DEADLINE_MS);
    box.post("b");
    box.leave();
    expect(box.written).toEqual(["a"]);
  });

  it("writes no more and calls nobody slow once closed", () => {
    const box = openMailboxTest();
    box.post("a");
    box.close();
    box.post("b");
    vi.advanceTimersByTime(DEADLINE_MS);
    expect(box.written).toEqual(["a"]);
    expect(box.slow()).toBe(0);
  });
});
