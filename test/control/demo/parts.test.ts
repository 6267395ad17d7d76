import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { parseProcStat, parsePsTime, readCpuMs } from "../../../control/demo/cpu.ts";
import { summarizeLatency } from "../../../control/demo/latency.ts";
import { paceItems } from "../../../control/demo/pace.ts";
import { planPhases, REQUESTS_MINIMUM } from "../../../control/demo/plan.ts";
import { claimPort } from "../../../control/demo/ports.ts";
import { openRandom } from "../../../control/demo/random.ts";
import { openScreen } from "../../../control/demo/screen.ts";
import { drawRequestId } from "../../../control/demo/sender.ts";
import { formatCount, formatMs, formatShare } from "../../../control/demo/text.ts";

describe("planPhases", () => {
  it("spends exactly the requests it is given", () => {
    const sum = planPhases(20_003).reduce((total, { requests }) => total + requests, 0);
    expect(sum).toBe(20_003);
  });

  it("spends 5,000 of 20,000 in shadow, 3,000 with tags and 12,000 after the release", () => {
    const [shadow, labels, tag, release] = planPhases(20_000).map(({ requests }) => requests);
    expect([(shadow ?? 0) + (labels ?? 0), tag, release]).toEqual([5_000, 3_000, 12_000]);
  });

  it("takes the minimum and refuses one fewer", () => {
    expect(planPhases(REQUESTS_MINIMUM)).toHaveLength(4);
    expect(() => planPhases(REQUESTS_MINIMUM - 1)).toThrow("at least");
  });
});

describe("claimPort", () => {
  it("names the port and the way out when it is taken", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    await expect(claimPort(port)).rejects.toThrow(`port ${port} on 127.0.0.1 is taken; stop`);
    server.close();
  });
});

describe("paceItems", () => {
  it("never has more in flight than allowed", async () => {
    let open = 0;
    let most = 0;
    await paceItems(Array.from({ length: 40 }), { rate: 0, inFlight: 3 }, async () => {
      open += 1;
      most = Math.max(most, open);
      await new Promise((resolve) => setTimeout(resolve, 2));
      open -= 1;
    });
    expect(most).toBe(3);
  });

  it("throws what the first failing send threw", async () => {
    const send = (n: number): Promise<void> => Promise.reject(new Error(`item ${n}`));
    await expect(paceItems([1, 2], { rate: 0, inFlight: 1 }, send)).rejects.toThrow("item 1");
  });

  it("ends quietly when the signal aborts", async () => {
    const controller = new AbortController();
    let sent = 0;
    await paceItems([1, 2, 3], { rate: 0, inFlight: 1, signal: controller.signal }, async () => {
      sent += 1;
      controller.abort();
    });
    expect(sent).toBe(1);
  });
});

describe("readCpuMs", () => {
  it("reads a process whose name has spaces and parentheses", () => {
    // proc(5): field 14 is utime, 15 stime, in hundredths of a second.
    const fields = ["S", ...Array.from({ length: 10 }, () => "1"), "250", "50", "9", "9"];
    expect(parseProcStat(`42 (a ) b) ${fields.join(" ")}`)).toBe(3_000);
  });

  it.each([
    ["00:01:02", 62_000],
    ["1-00:00:01", 86_401_000],
    ["  0:01.25", 1_250],
  ])("reads %s as ps prints it", (text, ms) => {
    expect(parsePsTime(text)).toBe(ms);
  });

  it("knows this process has used some", () => {
    expect(readCpuMs(process.pid)).toBeGreaterThan(0);
  });

  it("is unknown for a process that is not there", () => {
    expect(readCpuMs(2 ** 22 + 1)).toBeNull();
  });
});

describe("summarizeLatency", () => {
  it("takes the nearest rank", () => {
    const values = Array.from({ length: 200 }, (_, index) => index + 1);
    expect(summarizeLatency(values)).toEqual({ p50: 100, p99: 198 });
  });

  it("is unknown without values", () => {
    expect(summarizeLatency([])).toEqual({ p50: null, p99: null });
  });
});

describe("drawRequestId", () => {
  it("looks like a random UUID", () => {
    const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/;
    expect(drawRequestId(openRandom(1))).toMatch(uuid);
  });
});

describe("openScreen", () => {
  const open = (isTTY: boolean) => {
    let text = "";
    let time = 0;
    const write = (part: string | Uint8Array): boolean => {
      text += part;
      return true;
    };
    const output = { write, isTTY, columns: 20 } as unknown as NodeJS.WriteStream;
    const screen = openScreen(output, () => time);
    const pass = (ms: number): void => {
      time += ms;
    };
    return { screen, read: () => text, pass };
  };

  it("writes no control sequence when it is not a terminal", () => {
    const { screen, read, pass } = open(false);
    screen.say("a line");
    pass(60_000);
    screen.show(["a block", "more"]);
    screen.clear();
    expect(read()).toBe("a line\n   a block\n");
  });

  it("shows a block at most every five seconds when it is not a terminal", () => {
    const { screen, read, pass } = open(false);
    pass(5_000);
    screen.show(["one"]);
    pass(4_999);
    screen.show(["two"]);
    expect(read()).toBe("   one\n");
  });

  it("redraws the block below a new line on a terminal", () => {
    const { screen, read } = open(true);
    screen.show(["block"]);
    screen.say("line");
    expect(read()).toBe("\nblock\n\x1b[2A\x1b[0Jline\n\nblock\n");
  });

  it("cuts block lines to the terminal", () => {
    const { screen, read } = open(true);
    screen.show(["x".repeat(40)]);
    expect(read()).toBe(`\n${"x".repeat(19)}\n`);
  });
});

describe("texts", () => {
  it.each([
    [formatCount(0), "0"],
    [formatCount(1234567), "1,234,567"],
    [formatShare(0.0512), "5.1%"],
    [formatShare(null), "-"],
    [formatMs(4.26), "4.3 ms"],
    [formatMs(940), "940 ms"],
    [formatMs(5_600), "5.6 s"],
  ])("writes %s", (text, expected) => {
    expect(text).toBe(expected);
  });
});
