import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { ExecutorError } from "../errors.ts";
import { isLoopback } from "../wire/loopback.ts";
import {
  checkExposure,
  checkRequest,
  type ListenAddress,
  parseListenAddress,
  type RequestHead,
  type RequestOptions,
} from "./listen-address.ts";

suite("parseListenAddress", () => {
  const good: readonly (readonly [text: string, address: ListenAddress])[] = [
    ["stdio", { kind: "stdio" }],
    ["stdio://", { kind: "stdio" }],
    ["ws://127.0.0.1:0", { kind: "websocket", host: "127.0.0.1", port: 0 }],
    ["WS://0.0.0.0:65535/", { kind: "websocket", host: "0.0.0.0", port: 65_535 }],
    ["ws://LocalHost:80", { kind: "websocket", host: "127.0.0.1", port: 80 }],
    ["ws://[::1]:7777", { kind: "websocket", host: "::1", port: 7777 }],
    ["ws://[::ffff:10.0.0.1]:1", { kind: "websocket", host: "::ffff:10.0.0.1", port: 1 }],
  ];
  for (const [text, address] of good) {
    test(`reads ${text}`, () => assert.deepEqual(parseListenAddress(text), address));
  }

  const bad: readonly (readonly [text: string, remedy: RegExp])[] = [
    ["", /write it as ws:\/\/IP:PORT/],
    ["127.0.0.1:7777", /write it as ws:\/\/IP:PORT/],
    ["localhost:7777", /write it as ws:\/\/IP:PORT/],
    ["stdio:", /write it as/],
    ["stdio://x", /only ws: and stdio/],
    ["wss://127.0.0.1:7777", /TLS is not supported/],
    ["http://127.0.0.1:7777", /http: is not supported/],
    ["ws://127.0.0.1", /a port from 0 to 65535/],
    ["ws://127.0.0.1:", /a port from 0 to 65535/],
    ["ws://127.0.0.1:65536", /a port from 0 to 65535/],
    ["ws://127.0.0.1:-1", /a port from 0 to 65535/],
    ["ws://127.0.0.1:1e3", /a port from 0 to 65535/],
    ["ws://127.0.0.1: 80", /a port from 0 to 65535/],
    ["ws://127.0.0.1:80/path", /nothing may follow/],
    ["ws://127.0.0.1:80?token=x", /nothing may follow/],
    ["ws://user:pass@127.0.0.1:80", /port/],
    ["ws://box.example:80", /the host must be an IP address/],
    ["ws://:80", /the host must be an IP address/],
    ["ws://*:80", /for all addresses write 0\.0\.0\.0/],
    ["ws://127.1:80", /the host must be an IP address/],
    ["ws://2130706433:80", /the host must be an IP address/],
    ["ws://[127.0.0.1]:80", /IPv6 address/],
    ["ws://[::1:80", /port|IPv6/],
    ["ws://::1:80", /port/],
    ["ws://[]:80", /IPv6 address/],
  ];
  for (const [text, remedy] of bad) {
    test(`rejects ${text === "" ? "nothing" : text} and says what to write`, () => {
      assert.throws(
        () => parseListenAddress(text),
        (error: unknown) => {
          assert.ok(error instanceof ExecutorError);
          assert.equal(error.code, "invalid_request");
          assert.match(error.message, remedy);
          return true;
        },
      );
    });
  }

  test("reads any address and port, and refuses any other text with an ExecutorError", () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), fc.nat(65_535), (host, port) => {
        const written = host.includes(":") ? `[${host}]` : host;
        assert.deepEqual(parseListenAddress(`ws://${written}:${port}`), { kind: "websocket", host, port });
      }),
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((text) => `ws://${text}`),
        ),
        (text) => {
          try {
            parseListenAddress(text);
          } catch (error) {
            assert.ok(error instanceof ExecutorError);
          }
        },
      ),
    );
  });
});

suite("isLoopback", () => {
  test("knows the addresses that are reached from this machine only", () => {
    const local = ["127.0.0.1", "127.255.0.9", "::1", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1", "::ffff:7f00:1"];
    const others = [
      "0.0.0.0",
      "10.0.0.1",
      "126.0.0.1",
      "::",
      "::2",
      "fe80::1",
      "::ffff:10.0.0.1",
      "",
      "localhost",
    ];
    assert.deepEqual(local.filter(isLoopback), local);
    assert.deepEqual(others.filter(isLoopback), []);
  });
});

suite("checkExposure", () => {
  const check = (listen: string, authenticated: boolean): void =>
    checkExposure(parseListenAddress(listen), { authenticated });

  test("refuses to be reached from elsewhere without authentication (N1)", () => {
    for (const listen of [
      "ws://0.0.0.0:0",
      "ws://[::]:0",
      "ws://10.0.0.1:7777",
      "ws://[::ffff:10.0.0.1]:1",
    ]) {
      assert.throws(() => check(listen, false), {
        code: "refused",
        message: /without authentication.*token/s,
      });
      check(listen, true);
    }
  });

  test("accepts this machine and a pipe without authentication", () => {
    for (const listen of ["ws://127.0.0.1:0", "ws://localhost:1", "ws://[::1]:7777", "stdio"])
      check(listen, false);
  });
});

suite("checkRequest", () => {
  const statusOf = (
    head: RequestHead,
    host = "127.0.0.1",
    options: RequestOptions = { isUpgrade: true },
  ): number => checkRequest(head, { kind: "websocket", host, port: 7777 }, options).status;
  const upgrade = (headers: RequestHead["headers"]): RequestHead => ({ method: "GET", url: "/", headers });

  test("accepts names of this machine, with any port or none", () => {
    for (const host of [
      "127.0.0.1",
      "127.0.0.1:7777",
      "localhost:1",
      "LOCALHOST",
      "[::1]:7777",
      "127.9.9.9",
      undefined,
    ]) {
      assert.equal(statusOf(upgrade({ host })), 101, host);
    }
  });

  test("rejects another name on an address of this machine, for any path (N2)", () => {
    for (const host of [
      "evil.example",
      "evil.example:7777",
      "localhost.evil.example",
      "10.0.0.1",
      "",
      "[::2]:1",
      "127.0.0.1.evil",
    ]) {
      assert.equal(statusOf(upgrade({ host })), 403, host);
      assert.equal(statusOf({ ...upgrade({ host }), url: "/readyz" }), 403, host);
    }
  });

  test("accepts another name with authentication, or on another address", () => {
    const head = upgrade({ host: "box.example" });
    assert.equal(statusOf(head, "127.0.0.1", { isUpgrade: true, authenticated: true }), 101);
    assert.equal(statusOf(head, "10.0.0.1", { isUpgrade: true, authenticated: true }), 101);
    assert.equal(statusOf(head, "0.0.0.0"), 101);
  });

  test("rejects requests of a browser, also with a token (N2)", () => {
    const options = { isUpgrade: true, authenticated: true };
    for (const origin of ["", "null", "http://127.0.0.1:7777"]) {
      assert.equal(statusOf(upgrade({ host: "127.0.0.1", origin }), "127.0.0.1", options), 403);
    }
  });

  test("knows no path but / and /readyz, and no method but GET", () => {
    const of = (method: string, url: string, isUpgrade: boolean): number =>
      statusOf({ method, url, headers: {} }, "127.0.0.1", { isUpgrade });
    assert.equal(of("GET", "/readyz", false), 200);
    assert.equal(of("HEAD", "/readyz?now", false), 200);
    assert.equal(of("POST", "/readyz", false), 405);
    assert.equal(of("GET", "/", false), 400);
    assert.equal(of("POST", "/", true), 405);
    assert.equal(of("GET", "/?a", true), 101);
    for (const url of ["", "//", "/readyz/", "/other", "*", "http://127.0.0.1/"]) {
      assert.equal(of("GET", url, true), 404, url);
    }
  });
});
