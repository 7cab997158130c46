import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { check } from "./check.ts";
import { mcpServerFrom } from "./from-connection.ts";

suite("mcpServerFrom", () => {
  test("writes the six headers of a connection, the referer under both of its names", () => {
    const server = mcpServerFrom({
      url: "https://tools.example/mcp",
      sessionId: "s-1",
      authorization: "Bearer t",
      userAgent: "desk/1",
      title: "Desk",
      referer: "https://desk.example/",
    });
    assert.deepEqual(server, {
      url: "https://tools.example/mcp",
      headers: {
        "Mcp-Session-Id": "s-1",
        Authorization: "Bearer t",
        "User-Agent": "desk/1",
        "X-Title": "Desk",
        Referer: "https://desk.example/",
        "HTTP-Referer": "https://desk.example/",
      },
    });
  });

  test("leaves out what is absent, null or empty", () => {
    const url = "http://127.0.0.1:1/";
    const cases = [
      [{}, {}],
      [{ title: "Desk" }, { "X-Title": "Desk" }],
      [{ sessionId: null, userAgent: undefined, referer: "" }, {}],
      [
        { authorization: "Basic eA==", referer: "https://a.example" },
        { Authorization: "Basic eA==", Referer: "https://a.example", "HTTP-Referer": "https://a.example" },
      ],
    ] as const;
    for (const [parts, headers] of cases)
      assert.deepEqual(mcpServerFrom({ url, ...parts }), { url, headers });
  });

  test("takes a URL object, and nothing it was not asked for", () => {
    const more = { url: new URL("https://a.example/mcp?x=1"), title: "é", cookie: "c" };
    const server = mcpServerFrom(more);
    assert.deepEqual(server, { url: "https://a.example/mcp?x=1", headers: { "X-Title": "é" } });
  });

  test("gives a server that is checked as any other: a header that cannot be sent is a problem", () => {
    const good = mcpServerFrom({ url: "https://a.example", userAgent: "x" });
    assert.ok(check({ good }, []).ok);
    const checked = check({ bad: mcpServerFrom({ url: "https://a.example", title: "a\r\nb" }) }, []);
    assert.ok(!checked.ok);
    assert.deepEqual(checked.problems[0].path, ["bad", "headers", "X-Title"]);
  });
});
