import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createLimiter } from "../../../control/xds/limiter.ts";

describe("createLimiter", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  /** `count` runs asked for at once, and the numbers of those that ran. */
  function ask(count: number, perSecond: number, burst: number) {
    const ran: number[] = [];
    const limiter = createLimiter(perSecond, burst, Date.now);
    const leave = Array.from({ length: count }, (_, n) => limiter.admit(() => ran.push(n)));
    return { ran, leave, close: limiter.close };
  }

  it("lets the burst through at once and holds the next", () => {
    expect(ask(4, 10, 3).ran).toEqual([0, 1, 2]);
  });

  it("lets the rest through at the rate, in the order they came", () => {
    const { ran } = ask(6, 10, 3);
    vi.advanceTimersByTime(100);
    expect(ran).toEqual([0, 1, 2, 3]);
    vi.advanceTimersByTime(200);
    expect(ran).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it("passes over one that left the line", () => {
    const { ran, leave } = ask(3, 10, 1);
    leave[1]?.();
    vi.advanceTimersByTime(1000);
    expect(ran).toEqual([0, 2]);
  });

  it("runs nothing more once closed", () => {
    const { ran, close } = ask(3, 10, 1);
    close();
    vi.advanceTimersByTime(1000);
    expect(ran).toEqual([0]);
  });
});
