import { describe, expect, it } from "vitest";
import { TOKEN_ID_AT } from "../../models/record-layout.ts";
import { aRequest, someTable } from "../support/builders.ts";
import { type Decided, decide, filterModule, startFilter } from "../support/host-filter.ts";
import type { Fault } from "../support/proxy-wasm/faults.ts";
import type { Header } from "../support/proxy-wasm/header-map.ts";

const CALLS = WebAssembly.Module.imports(filterModule()).map((item) => item.name);
const STATUSES = [1, 2, 3, 4, 6, 7, 8, 10, 12, 255];
const PAIRS = "proxy_get_header_map_pairs";
const REMOVE = "proxy_remove_header_map_value";
const SET_ALL = "proxy_set_header_map_pairs";

const forged = (count: number): Header[] => [
  ["x-limen-bot", "forged"],
  ...Array.from({ length: count - 1 }, (_, index): Header => [`x-limen-${index}`, "forged"]),
];

/** One decision with faults set, then one without. */
function decideUnder(
  faults: readonly Fault[],
  headers: readonly Header[] = [],
): [Decided, Decided] {
  const features = [
    { name: "score", of: "header:x-score", is: "number" },
    { name: "address", of: "source.address", is: "length" },
  ];
  const { host, filter } = startFilter(someTable({ token: true, features }));
  host.faults.set(...faults);
  host.advance(2000);
  const request = aRequest({ score: 4000, headers });
  const during = decide(filter, request);
  host.faults.clear();
  return [during, decide(filter, request)];
}

describe("a failing host function", () => {
  it.each(CALLS)("%s leaves the filter alive, whatever status it answers", (call) => {
    for (const status of STATUSES) {
      const [during, after] = decideUnder([{ call, status }]);
      expect([during.stream.outcome, during.stream.action]).toEqual(["served", 0]);
      expect(after.stream.header("x-limen-bot")).toBe("bot");
    }
  });

  it("leaves the filter alive when all of them fail", () => {
    const [during, after] = decideUnder(CALLS.map((call) => ({ call, status: 10 })));
    expect([during.stream.outcome, after.stream.header("x-limen-bot")]).toEqual(["served", "bot"]);
  });

  it.each(CALLS)("%s in configure is answered by ack or nack, never by a trap", (call) => {
    const { host, filter } = startFilter(someTable());
    host.faults.set({ call, status: 10 });
    filter.push(someTable({ serial: 2 }));
    host.faults.clear();
    expect(filter.vm().trap).toBeNull();
    expect(filter.open(aRequest({ score: 4000 })).outcome).toBe("served");
  });

  it.each(CALLS.filter((call) => ![PAIRS, REMOVE, SET_ALL].includes(call)))(
    "%s lets no forged tag through",
    (call) => {
      for (const count of [1, 8, 9, 80]) {
        const [during] = decideUnder([{ call, status: 10 }], forged(count));
        const values = during.stream.headers().filter(([, value]) => value === "forged");
        expect(values).toEqual([]);
      }
    },
  );

  it("that sets all pairs is made up for by single removals", () => {
    const [during] = decideUnder([{ call: SET_ALL, status: 10 }], forged(9));
    expect(during.stream.headers().filter(([, value]) => value === "forged")).toEqual([]);
  });

  it("that gives the headers lets no forged tag of the table through", () => {
    const [during] = decideUnder([{ call: PAIRS, status: 10 }], forged(1));
    expect(during.stream.header("x-limen-bot")).toBeUndefined();
  });
});

describe("a request whose headers the host does not give", () => {
  it("carries nothing over from the request before it", () => {
    const { host, filter } = startFilter(someTable({ token: true }));
    const headers: Header[] = [...forged(3), ["x-request-id", "of the request before"]];
    decide(filter, aRequest({ score: 4000, headers }));
    host.faults.set({ call: PAIRS, status: 10 });
    const calls = decide(filter, aRequest()).stream.calls;
    const token = decide(filter, aRequest()).stream.header("x-limen-decision") ?? "";
    expect(Buffer.from(token, "base64url").readBigUInt64LE(TOKEN_ID_AT)).toBe(0n);
    expect(calls.filter((call) => call === SET_ALL)).toEqual([]);
  });
});

describe("malformed pairs from the host", () => {
  const HEADERS: Header[] = [["x-limen-bot", "forged"]];
  const cut = (length: number) => (bytes: Uint8Array) => bytes.slice(0, length);
  const put = (at: number, value: number) => (bytes: Uint8Array) => {
    const copy = Buffer.from(bytes);
    copy.writeUInt32LE(value, at);
    return copy;
  };

  it.each([
    ["one byte", cut(1)],
    ["the count alone", cut(4)],
    ["half of the lengths", cut(20)],
    ["a count of 2^32 - 1", put(0, 0xffffffff)],
    ["a count of 1024", put(0, 1024)],
    ["a name of 2^32 - 1 bytes", put(4, 0xffffffff)],
    ["a value of 2^31 bytes", put(8, 0x80000000)],
    ["a name one byte too long", put(4, 11)],
    ["nothing", () => new Uint8Array()],
  ])("(%s) end in the base state without a trap", (_, mangle) => {
    const [during, after] = decideUnder([{ call: PAIRS, mangle }], HEADERS);
    expect(during.stream.outcome).toBe("served");
    expect(during.stream.headers().some(([, value]) => value === "bot")).toBe(false);
    expect(after.stream.header("x-limen-bot")).toBe("bot");
  });

  it("of every length of the whole end without a trap", () => {
    const { host, filter } = startFilter(someTable());
    for (let length = 0; length < 160; length++) {
      host.faults.set({ call: PAIRS, mangle: cut(length) });
      expect(decide(filter, aRequest({ score: 4000 })).stream.outcome).toBe("served");
    }
  });
});
