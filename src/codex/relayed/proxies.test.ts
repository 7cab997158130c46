import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { proxyEnvironment, proxyProblem } from "./proxies.ts";

suite("proxies", () => {
  test("count as Codex reads them, in Node's words", () => {
    const http_proxy = "http://p:1";
    assert.deepEqual(proxyEnvironment({}), { no_proxy: "127.0.0.1" });
    assert.deepEqual(proxyEnvironment({ HTTP_PROXY: "", http_proxy, ALL_PROXY: "q:2" }), {
      http_proxy,
      https_proxy: "http://q:2",
      no_proxy: "127.0.0.1",
    });
    const no_proxy = "corp.example, .dev.example,*.x.example,10.1.2.3,10.0.0.0/8,192.168.4.0/22,*";
    assert.equal(
      proxyEnvironment({ http_proxy, no_proxy })["no_proxy"],
      "corp.example,.corp.example,dev.example,.dev.example,x.example,.x.example,10.1.2.3," +
        "10.0.0.0-10.255.255.255,192.168.4.0-192.168.7.255,*,127.0.0.1",
    );
  });

  test("are a problem where Node cannot speak to them", () => {
    const url = new URL("https://api.example/v1");
    assert.equal(proxyProblem(url, { HTTP_PROXY: "socks5://p:1" }), undefined);
    assert.equal(proxyProblem(url, { ALL_PROXY: "socks5h://p:1" }), "the proxy is not an HTTP proxy");
  });
});
