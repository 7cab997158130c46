/** Whose certificates count where we ask a model over TLS, and by which proxy. */
import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { connect, type AddressInfo, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test } from "node:test";
import { proxyEnvironment } from "../../src/codex/relayed/proxies.ts";
import { type TrustedCertificates, secureContextOf } from "../../src/gateway/relay/trusted-certificates.ts";
import { NodeFetch } from "../../src/mcp/http/node-fetch.ts";
import { ScriptedModel } from "../../src/testing/index.ts";
import { AUTHORITY, tlsFront } from "../support/tls-front.ts";

/** @returns the status, or what went wrong */
async function asked(url: string, trusted: TrustedCertificates, at = "127.0.0.1"): Promise<number | string> {
  using fetches = new NodeFetch({
    env: proxyEnvironment(trusted.env),
    secureContext: () => secureContextOf(trusted),
  });
  const target = new URL(`${url}/models`.replace("127.0.0.1", at));
  const headers = ["host", target.host];
  const signal = new AbortController().signal;
  try {
    const answer = await fetches.exchange({ method: "GET", url: target, headers, body: undefined, signal });
    answer.resume();
    return answer.statusCode ?? 0;
  } catch (error) {
    return (error as Error).message;
  }
}

suite("a model over TLS", () => {
  test("is trusted by the certificates that Codex would read", async () => {
    const folder = mkdtempSync(join(tmpdir(), "switchyard-tls-"));
    await using model = await ScriptedModel.start();
    await using front = await tlsFront(model.baseUrl);
    try {
      const hashed = join(folder, "hashed");
      mkdirSync(hashed);
      copyFileSync(AUTHORITY, join(hashed, "a.0"));
      for (const trusted of [
        { caFile: AUTHORITY, env: {} },
        { env: { SSL_CERT_FILE: AUTHORITY } },
        { env: { SSL_CERT_DIR: `${folder}/absent:${hashed}` } },
        { env: { CODEX_CA_CERTIFICATE: AUTHORITY } },
        { env: { NODE_EXTRA_CA_CERTS: AUTHORITY, SSL_CERT_FILE: "" } },
        { env: { SSL_CERT_FILE: AUTHORITY, NODE_EXTRA_CA_CERTS: join(folder, "absent.pem") } },
      ])
        assert.equal(await asked(front.url, trusted), 200, JSON.stringify(trusted));
      const untrusted = await asked(front.url, { env: {} });
      assert.equal(untrusted, "cannot be connected to (UNABLE_TO_VERIFY_LEAF_SIGNATURE)");
      const absent = await asked(front.url, { caFile: join(folder, "absent.pem"), env: {} });
      assert.match(String(absent), /ENOENT.*absent\.pem/);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test("is asked by the proxy that Codex would ask, and by none where NO_PROXY says so", async () => {
    await using model = await ScriptedModel.start();
    await using front = await tlsFront(model.baseUrl);
    const tunnels: string[] = [];
    const sockets: Socket[] = [];
    const proxy = createServer().on("connect", ({ url = "" }, client: Socket) => {
      tunnels.push(url);
      const inner = connect(Number(new URL(front.url).port), "127.0.0.1", () => {
        client.write("HTTP/1.1 200 OK\r\n\r\n");
        client.pipe(inner).pipe(client);
      });
      sockets.push(client, inner);
      for (const socket of [client, inner]) socket.on("error", () => socket.destroy());
    });
    await new Promise<void>((resolve) => void proxy.listen(0, "127.0.0.1", resolve));
    try {
      const ALL_PROXY = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
      const askedWith = (env: Record<string, string>): Promise<number | string> =>
        asked(front.url, { caFile: AUTHORITY, env }, "localhost");
      assert.equal(await askedWith({ ALL_PROXY }), 200);
      assert.deepEqual(tunnels, [`localhost:${new URL(front.url).port}`]);
      assert.equal(await askedWith({ ALL_PROXY, NO_PROXY: "elsewhere, localhost" }), 200);
      assert.equal(await askedWith({ HTTP_PROXY: ALL_PROXY }), 200);
      assert.equal(tunnels.length, 1);
    } finally {
      for (const socket of sockets) socket.destroy();
      proxy.close();
    }
  });
});
