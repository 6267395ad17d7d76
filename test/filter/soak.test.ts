import { describe, expect, it } from "vitest";
import { aRequest, someTable } from "../support/builders.ts";
import { startFilter } from "../support/host-filter.ts";

const REQUESTS = 1_000_000;

describe("a million requests", () => {
  it("leave the linear memory at its size and every one served", { timeout: 120_000 }, () => {
    const { host, filter } = startFilter(someTable({ token: true, audit: 0.1 }));
    const headers = [
      ["user-agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"],
      ["accept", "text/html,application/xhtml+xml"],
      ["cookie", "session=0123456789abcdef; theme=dark"],
      ["x-limen-bot", "forged"],
    ] as const;
    const requests = [1, 4000].map((score) => aRequest({ score, headers }));
    const before = filter.vm().memoryBytes();
    let served = 0;
    for (let index = 0; index < REQUESTS; index++) {
      const request = requests[index & 1];
      if (request === undefined) break;
      const stream = filter.open(request);
      if (stream.outcome === "served") served++;
      stream.close();
      if (index % 1000 === 0) host.advance(10);
    }
    expect(served).toBe(REQUESTS);
    expect(filter.vm().memoryBytes()).toBe(before);
  });
});
