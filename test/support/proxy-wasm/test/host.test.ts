import { beforeAll, describe, expect, it } from "vitest";
import { createHost, type FailurePolicy, type Host } from "../host.ts";
import { compileGuest } from "./guest.ts";

let module: WebAssembly.Module;
beforeAll(async () => {
  module = await compileGuest();
});

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const said = (host: Host): string[] => host.logs.splice(0).map((line) => line.text);
const get = { headers: [[":path", "/"]] } as const;
const trapping = { headers: [["x", "T"]] } as const;

describe("createHost: load", () => {
  it("refuses a module without an ABI marker", async () => {
    const other = await compileGuest("export function malloc(n: i32): i32 { return 0; }");
    expect(() => createHost().addFilter({ module: other })).toThrow("Proxy-Wasm ABI version");
  });

  it("refuses an import Envoy does not offer, and names it", async () => {
    const other = await compileGuest(
      `@external("env", "seed") declare function seed(): f64;
      export function proxy_abi_version_0_2_1(): void {}
      export function malloc(n: i32): i32 { return i32(seed()); }`,
    );
    expect(() => createHost().addFilter({ module: other })).toThrow("missing import: env.seed");
  });

  it("refuses a module without an allocator", async () => {
    const other = await compileGuest("export function proxy_abi_version_0_2_1(): void {}");
    expect(() => createHost().addFilter({ module: other })).toThrow("missing malloc");
  });
});

describe("createHost: push", () => {
  it("configures a clone first, then each worker, in Envoy's order", () => {
    const host = createHost({ workers: 2 });
    host.addFilter({ module, configuration: bytes("a") });
    expect(said(host)).toEqual(["c10", "s10", "o10", "c10", "s10", "o10", "c10", "s10", "o10"]);
  });

  it("keeps the old configuration when the clone answers false", () => {
    const host = createHost();
    const filter = host.addFilter({ module, configuration: bytes("a") });
    expect(filter.push(bytes("F"))).toEqual({ acked: false, applied: false });
    expect(filter.open(get).header("v")).toBe("a");
  });

  it("acks refused bytes unread when they come again", () => {
    const filter = createHost().addFilter({ module, configuration: bytes("a") });
    filter.push(bytes("F"));
    expect(filter.push(bytes("F"))).toEqual({ acked: true, applied: false });
  });

  it("remembers the refusal of bytes that come again later", () => {
    const host = createHost();
    const filter = host.addFilter({ module, configuration: bytes("a") });
    filter.push(bytes("F"));
    filter.push(bytes("b"));
    said(host);
    expect(filter.push(bytes("F")).acked).toBe(false);
    expect(said(host)).toEqual([]);
  });

  it("answers nack when the clone traps, and the running VM goes on", () => {
    const filter = createHost().addFilter({ module, configuration: bytes("a") });
    expect(filter.push(bytes("T")).acked).toBe(false);
    expect(filter.open(get).header("v")).toBe("a");
  });

  it("ends an old root when the last stream that began under it ends", () => {
    const host = createHost();
    const filter = host.addFilter({ module, configuration: bytes("a") });
    const long = filter.open(get);
    filter.push(bytes("b"));
    said(host);
    long.close();
    expect(said(host)).toEqual(["l20", "d20", "D20", "d10", "D10"]);
  });

  it("uses a root again without configure while a stream keeps it alive", () => {
    const host = createHost();
    const filter = host.addFilter({ module, configuration: bytes("a") });
    filter.open(get);
    filter.push(bytes("b"));
    said(host);
    expect(filter.push(bytes("a"))).toEqual({ acked: true, applied: true });
    expect(said(host)).toEqual(["d30", "D30"]); // only the root of "b" ends
  });

  it("shares a VM and its globals between plugins with one vm_id", () => {
    const host = createHost();
    const first = host.addFilter({ module, rootId: "one", configuration: bytes("a") });
    host.addFilter({ module, rootId: "two", configuration: bytes("b") });
    expect(first.open(get).header("v")).toBe("b");
  });

  it("keeps VMs apart when vm_id differs", () => {
    const host = createHost();
    const first = host.addFilter({ module, vmId: "one", configuration: bytes("a") });
    host.addFilter({ module, vmId: "two", configuration: bytes("b") });
    expect(first.open(get).header("v")).toBe("a");
  });
});

describe("createHost: request", () => {
  it("gives request headers in their own phase only", () => {
    const host = createHost();
    const stream = host.addFilter({ module }).open(get);
    said(host);
    stream.respond([["x", "1"]]);
    expect(said(host)).toEqual(["r20"]); // 2: bad argument for the request map, 0: ok
  });

  it("hands out an empty value as pointer 0", () => {
    const host = createHost();
    const filter = host.addFilter({ module });
    said(host);
    filter.open({ headers: [["x", ""]] });
    expect(said(host)).toEqual(["c21", "e00"]);
  });

  it("answers status 6 when the guest has no room", () => {
    const host = createHost();
    const filter = host.addFilter({ module, configuration: bytes("a") });
    expect(filter.push(bytes("b".repeat(5000))).acked).toBe(false);
  });

  it("keeps what the guest sets as filter state under wasm.", () => {
    const stream = createHost()
      .addFilter({ module, configuration: bytes("a") })
      .open(get);
    expect(stream.filterState.get("wasm.v")?.toString()).toBe("a");
  });

  it("answers an injected status instead of doing the work, from the nth call on", () => {
    const host = createHost();
    const filter = host.addFilter({ module, configuration: bytes("a") });
    host.faults.set({ call: "proxy_replace_header_map_value", from: 2, status: 10 });
    expect([filter.open(get), filter.open(get)].map((stream) => stream.header("v"))).toEqual([
      "a",
      undefined,
    ]);
  });

  it("lists the host calls of the request-header callback", () => {
    expect(createHost().addFilter({ module }).open(get).calls).toEqual([
      "proxy_get_header_map_value",
      "proxy_replace_header_map_value",
      "proxy_set_property",
    ]);
  });
});

describe("createHost: failure", () => {
  const outcomes = (policy: FailurePolicy): string[] => {
    const host = createHost();
    const filter = host.addFilter({ module, failurePolicy: policy });
    const seen = [filter.open(trapping).outcome, filter.open(get).outcome];
    host.advance(1001);
    return [...seen, filter.open(get).outcome];
  };

  it("skips a dead filter for good under FAIL_OPEN", () => {
    expect(outcomes("FAIL_OPEN")).toEqual(["skipped", "skipped", "skipped"]);
  });

  it("answers 503 for good under FAIL_CLOSED", () => {
    expect(outcomes("FAIL_CLOSED")).toEqual(["refused", "refused", "refused"]);
  });

  it("answers 503 until the backoff is over under FAIL_RELOAD, then serves", () => {
    expect(outcomes("FAIL_RELOAD")).toEqual(["refused", "refused", "served"]);
  });

  it("serves again after a changed configuration", () => {
    const filter = createHost().addFilter({ module });
    filter.open(trapping);
    filter.push(bytes("b"));
    expect(filter.open(get).header("v")).toBe("b");
  });

  it("takes down every plugin of the VM on that worker, and no other worker", () => {
    const host = createHost({ workers: 2 });
    const first = host.addFilter({ module, rootId: "one" });
    const second = host.addFilter({ module, rootId: "two" });
    first.open(trapping, 0);
    expect([second.open(get, 0).outcome, second.open(get, 1).outcome]).toEqual([
      "skipped",
      "served",
    ]);
  });
});
