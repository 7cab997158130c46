import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { checkExposure, isLoopback, parseAddress, strangerProblem } from "./address.ts";

suite("the address of a gateway", () => {
  test("is read from a port, or an IP address and a port", () => {
    for (const [text, host, port] of [
      ["8000", "127.0.0.1", 8000],
      ["0", "127.0.0.1", 0],
      ["127.0.0.1:0", "127.0.0.1", 0],
      ["localhost:80", "127.0.0.1", 80],
      ["http://[::1]:65535/", "::1", 65_535],
      ["0.0.0.0:1", "0.0.0.0", 1],
    ] as const)
      assert.deepEqual(parseAddress(text), { host, port }, text);
    for (const text of ["", "host", "example.org:80", "1.2.3:80", "127.0.0.1", ":80", "70000", "-1", "[::1]"])
      assert.throws(() => parseAddress(text), { code: "invalid_address" }, text);
  });

  test("beyond this machine needs a token (H1)", () => {
    for (const host of ["0.0.0.0", "::", "10.0.0.1", "128.0.0.1", "fe80::1"]) {
      assert.throws(() => checkExposure({ host, port: 0 }, false), { code: "exposed" }, host);
      checkExposure({ host, port: 0 }, true);
      assert.equal(isLoopback(host), false);
    }
    for (const host of ["127.0.0.1", "127.9.9.9", "::1"]) checkExposure({ host, port: 0 }, false);
  });

  test("is asked by its own name; a foreign Origin is refused everywhere (H2)", () => {
    const own = { host: "127.0.0.1", port: 1 };
    const wide = { host: "0.0.0.0", port: 1 };
    for (const host of ["127.0.0.1:1", "localhost", "[::1]:9", "LOCALHOST:1"])
      assert.equal(strangerProblem({ host }, own), undefined, host);
    for (const host of [
      "evil.example",
      "127.0.0.1.evil.example",
      "localhost.evil.example",
      "",
      "a b",
      "1.1.1.1",
    ])
      assert.match(strangerProblem({ host }, own) ?? "", /Host/, host);
    assert.equal(strangerProblem({ host: "box.example:1" }, wide), undefined);
    for (const origin of ["https://evil.example", "null", "http://localhost.evil.example", "file://", ""])
      for (const address of [own, wide])
        assert.match(strangerProblem({ host: "localhost", origin }, address) ?? "", /Origin/, origin);
    assert.equal(strangerProblem({ host: "localhost", origin: "http://localhost:9" }, own), undefined);
  });
});
