import { afterEach, describe, expect, it } from "vitest";
import { type Echo, type EchoAnswer, startEcho } from "../../../control/envoy/echo.ts";

const echoes: Echo[] = [];
afterEach(async () => {
  for (const echo of echoes.splice(0)) await echo.close();
});

async function ask(headers: HeadersInit): Promise<EchoAnswer> {
  const echo = await startEcho("shop");
  echoes.push(echo);
  const answer = await fetch(`http://127.0.0.1:${echo.address.port}/a?b=1`, { headers });
  return (await answer.json()) as EchoAnswer;
}

describe("startEcho", () => {
  it("answers who it is, what was asked, and the headers that arrived", async () => {
    const { upstream, request, headers } = await ask({ "x-one": "1" });
    expect([upstream, request, headers["x-one"]]).toEqual(["shop", "GET /a?b=1", "1"]);
  });

  it("shows tags apart, and no token", async () => {
    const { tags } = await ask({ "x-limen-bot": "bot", "x-limen-decision": "AQAB" });
    expect(tags).toEqual({ "x-limen-bot": "bot" });
  });

  it("names the port that somebody has", async () => {
    const echo = await startEcho("shop");
    echoes.push(echo);
    await expect(startEcho("bots", echo.address.port)).rejects.toThrow(
      `echo bots: 127.0.0.1:${echo.address.port}: `,
    );
  });
});
