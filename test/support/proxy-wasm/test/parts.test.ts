import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { STATUS_BAD_ARGUMENT, STATUS_NOT_FOUND, STATUS_OK } from "../abi.ts";
import { createHeaderMap, decodePairs, encodePairs, type Header } from "../header-map.ts";
import { createMetrics, createVmMetrics } from "../metrics.ts";

const byteText = fc
  .uint8Array({ maxLength: 20 })
  .map((bytes) => Buffer.from(bytes).toString("latin1"));

describe("encodePairs", () => {
  it("is undone by decodePairs for any bytes", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(byteText, byteText), { maxLength: 30 }), (headers) => {
        expect(decodePairs(encodePairs(headers))).toEqual(headers);
      }),
    );
  });

  it("writes count, lengths, then names and values each with a NUL", () => {
    expect(encodePairs([["ab", "c"]]).toString("hex")).toBe(
      ["01000000", "02000000", "01000000", "616200", "6300"].join(""),
    );
  });
});

describe("decodePairs", () => {
  const pairs = (count: number): Header[] => Array.from({ length: count }, () => ["a", "b"]);

  it("takes 1,024 pairs and reads 1,025 as none", () => {
    expect(decodePairs(encodePairs(pairs(1024)))).toHaveLength(1024);
    expect(decodePairs(encodePairs(pairs(1025)))).toEqual([]);
  });

  it("reads bytes that are cut or too long as none", () => {
    const whole = encodePairs(pairs(2));
    expect(decodePairs(whole.subarray(0, whole.length - 1))).toEqual([]);
    expect(decodePairs(Buffer.concat([whole, Buffer.alloc(1)]))).toEqual([]);
  });
});

describe("createHeaderMap", () => {
  it("lower-cases ASCII names only", () => {
    expect(createHeaderMap([["X-\xC0", "V"]]).list()).toEqual([["x-\xC0", "V"]]);
  });

  it("gives the first value of a repeated name", () => {
    const map = createHeaderMap([
      ["a", "1"],
      ["A", "2"],
    ]);
    expect(map.get("a")).toBe("1");
  });

  it("leaves one value after replace, and adds an absent one", () => {
    const map = createHeaderMap([
      ["a", "1"],
      ["a", "2"],
    ]);
    map.replace("A", "3");
    map.replace("b", "4");
    expect(map.list()).toEqual([
      ["a", "3"],
      ["b", "4"],
    ]);
  });

  it("joins a second value of a header Envoy holds once", () => {
    const map = createHeaderMap([
      ["user-agent", "a"],
      ["user-agent", "b"],
    ]);
    expect(map.list()).toEqual([["user-agent", "a,b"]]);
  });
});

describe("createVmMetrics", () => {
  it("shares names between VMs and keeps ids apart", () => {
    const metrics = createMetrics();
    const [first, second] = [createVmMetrics(metrics), createVmMetrics(metrics)];
    first.increment(first.define(0, "n") ?? 0, 2n);
    second.increment(second.define(0, "n") ?? 0, 3n);
    expect(metrics.counters.get("n")).toBe(5n);
  });

  it("refuses a counter increment below 1 and an unknown id", () => {
    const metrics = createVmMetrics(createMetrics());
    const id = metrics.define(0, "n") ?? 0;
    expect([0n, -1n, 1n].map((delta) => metrics.increment(id, delta))).toEqual([
      STATUS_BAD_ARGUMENT,
      STATUS_BAD_ARGUMENT,
      STATUS_OK,
    ]);
    expect(metrics.increment(id + 4, 1n)).toBe(STATUS_NOT_FOUND);
  });

  it("makes a new id for each definition of one name", () => {
    const metrics = createVmMetrics(createMetrics());
    expect(metrics.define(1, "n")).not.toBe(metrics.define(1, "n"));
  });
});
