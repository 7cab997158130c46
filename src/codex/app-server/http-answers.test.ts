import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { addressOf, type HttpAnswer, HttpAnswers } from "./http-answers.ts";

// Lines of Codex 0.169 and 0.171; in the last one colours are on.
const where = "codex_exec_server::client::http_client::route_aware_http_client";
const open = `2026-11-29T21:20:19.572416Z  INFO codex.exec_server.http_request{otel.kind="client" http.request.method="POST" server.address="127.0.0.1" server.port=43533}: ${where}: new`;
const close = `2026-11-29T21:20:19.575730Z  INFO codex.exec_server.http_request{otel.kind="client" http.request.method="POST" server.address="127.0.0.1" server.port=43533 http.response.status_code=400 http.response.status_code=400}: ${where}: close time.busy=91.9µs time.idle=3.22ms`;
const failed = `2026-11-29T21:17:46.606692Z  WARN transport_worker{name="StreamableHttpClientWorker"}: ${where}: http/request send failed http_method="POST" error=error sending request`;
const inSpan = close.replace(" INFO ", ' INFO transport_worker{name="StreamableHttpClientWorker"}:');
const coloured = close.replace(/([a-z_.]+)=/g, "\u001B[3m$1\u001B[0m\u001B[2m=\u001B[0m");

function answersOf(...lines: readonly string[]): HttpAnswer[] {
  const answers: HttpAnswer[] = [];
  const http = new HttpAnswers();
  const stop = http.watch((answer) => answers.push(answer));
  for (const line of lines) http.take(line);
  stop();
  http.take(close);
  return answers;
}

suite("HttpAnswers", () => {
  test("knows method, address and status of an answer", () => {
    const answer = { method: "POST", address: addressOf("http://127.0.0.1:43533/mcp"), status: 400 };
    assert.deepEqual(answersOf(open, close, failed, inSpan, coloured), [answer, answer, answer]);
  });

  test("takes out every line about a request to a server, and no other (L1)", () => {
    const http = new HttpAnswers();
    for (const line of [open, close, failed, inSpan, coloured]) assert.ok(http.take(line), line);
    const other =
      "2026-11-29T21:20:18.096527Z ERROR codex_app_server: Codex could not find bubblewrap on PATH.";
    for (const line of ["", "Error: no memory left", other]) assert.ok(!http.take(line), line);
  });
});

test("addressOf is the same for a URL and for what Codex's log says of it", () => {
  const log = (host: string, port: number): string | undefined => {
    const line = close.replace("127.0.0.1", host).replace("43533", String(port));
    return answersOf(line)[0]?.address;
  };
  assert.equal(addressOf("https://MCP.example.com/x?key=s"), log("mcp.example.com", 443));
  assert.equal(addressOf("http://mcp.example.com"), log("mcp.example.com", 80));
  assert.equal(addressOf("http://[::1]:8080/mcp"), log("[::1]", 8080));
  assert.equal(addressOf("http://[::1]:8080/mcp"), log("::1", 8080));
  assert.equal(addressOf("no url"), undefined);
});
