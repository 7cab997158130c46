/** HTTP requests with the time and the executor in the test's hands. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { RpcError } from "../../jsonrpc/index.ts";
import { ManualClock } from "../../testing/index.ts";
import { ExecutorError } from "../errors.ts";
import { type HttpCarrier, HttpRequests, type HttpResponse } from "./http-requests.ts";
import type { CarrierOptions } from "./remote-process.ts";

interface Asked {
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly options: CarrierOptions;
}

class Desk implements HttpCarrier {
  readonly clock = new ManualClock();
  isOwn = true;
  readonly asked: Asked[] = [];
  holds = 0;
  answer: () => Promise<unknown> = () =>
    Promise.resolve({ status: 200, headers: [{ name: "a", value: "b" }] });
  readonly requests = new HttpRequests("box", this);

  request(method: string, params: unknown, options: CarrierOptions): Promise<unknown> {
    this.asked.push({ method, params: params as Asked["params"], options });
    return method === "http/request" ? this.answer() : Promise.resolve({ cancelled: true });
  }

  holdLink(): () => void {
    this.holds++;
    return () => void this.holds--;
  }

  get id(): string {
    return String(this.asked[0]?.params["requestId"]);
  }

  open(signal?: AbortSignal): Promise<HttpResponse> {
    const url = new URL("http://host.test:8080/path?key=hidden");
    return this.requests.request(
      { method: "POST", url, headers: [["x", "y"]], body: Buffer.from("hi") },
      signal,
    );
  }

  part(seq: number, text: string, done = false, error: string | null = null): void {
    const deltaBase64 = Buffer.from(text).toString("base64");
    this.requests.accept({ requestId: this.id, seq, deltaBase64, done, error });
  }

  get cancelled(): readonly unknown[] {
    return this.asked
      .filter(({ method }) => method === "http/cancel")
      .map(({ params }) => params["requestId"]);
  }
}

async function text({ body }: HttpResponse): Promise<string> {
  let all = "";
  for await (const chunk of body) all += Buffer.from(chunk).toString();
  return all;
}

function fails(code: string) {
  return (error: unknown): boolean => error instanceof ExecutorError && error.code === code;
}

suite("HttpRequests", () => {
  test("asks for a stream without redirects, and yields head and body (Q1)", async () => {
    const desk = new Desk();
    const opened = desk.open();
    // Together with the head.
    desk.part(1, "one,");
    const response = await opened;
    desk.part(2, "two");
    desk.part(3, "", true);
    assert.deepEqual([response.status, response.headers], [200, [{ name: "a", value: "b" }]]);
    assert.equal(await text(response), "one,two");
    const { requestId: _, ...params } = desk.asked[0]?.params ?? {};
    assert.deepEqual(params, {
      method: "POST",
      url: "http://host.test:8080/path?key=hidden",
      headers: [{ name: "x", value: "y" }],
      bodyBase64: Buffer.from("hi").toString("base64"),
      redirectPolicy: "stop",
      streamResponse: true,
    });
    assert.deepEqual(desk.cancelled, []);
  });

  test("a part that is missing or repeated, and one that broke off, is an error (Q1)", async () => {
    for (const [first, second, code] of [
      [1, 3, "protocol_error"],
      [1, 1, "protocol_error"],
    ] as const) {
      const desk = new Desk();
      const response = await desk.open();
      desk.part(first, "a");
      desk.part(second, "b");
      await assert.rejects(text(response), fails(code));
      assert.deepEqual(desk.cancelled, [desk.id]);
    }
    const desk = new Desk();
    const response = await desk.open();
    desk.part(1, "a");
    desk.part(2, "", true, "error decoding response body");
    await assert.rejects(text(response), fails("http_failed"));
  });

  test("ends with the link, and is not sent again (Q2)", async () => {
    const desk = new Desk();
    const response = await desk.open();
    desk.requests.fail(new ExecutorError("http_failed", "the link dropped"));
    await assert.rejects(text(response), fails("http_failed"));
    assert.equal(desk.asked[0]?.options.resend, false);
    desk.part(1, "late");
  });

  test("ends with its signal, and when its reader leaves (Q3)", async () => {
    for (const isOwn of [true, false]) {
      const desk = new Desk();
      desk.isOwn = isOwn;
      const stop = new AbortController();
      const response = await desk.open(stop.signal);
      desk.part(1, "unread");
      const read = text(response);
      stop.abort(new Error("enough"));
      await assert.rejects(read, /^Error: enough$/);
      assert.deepEqual(desk.cancelled, isOwn ? [desk.id] : []);
      // What cannot be told has a limit over there.
      assert.equal(desk.asked[0]?.params["timeoutMs"], isOwn ? undefined : 600_000);
    }
    const desk = new Desk();
    const response = await desk.open();
    desk.part(1, "one");
    for await (const _ of response.body) break;
    assert.deepEqual(desk.cancelled, [desk.id]);
    response.close();
    assert.equal(desk.cancelled.length, 1);
  });

  test("a request that was given up before its answer is cancelled (Q3)", async () => {
    const desk = new Desk();
    const stop = new AbortController();
    desk.answer = () =>
      new Promise((_, reject) => stop.signal.addEventListener("abort", () => reject(stop.signal.reason)));
    const opened = desk.open(stop.signal);
    stop.abort(new Error("enough"));
    await assert.rejects(opened, /^Error: enough$/);
    assert.deepEqual(desk.cancelled, [desk.id]);
  });

  test("stops the link for a reader that does not read, and gives it up after a while (Q4)", async () => {
    const desk = new Desk();
    const response = await desk.open();
    const chunk = "x".repeat(512 * 1024);
    for (let seq = 1; seq <= 4; seq++) desk.part(seq, chunk);
    assert.equal(desk.holds, 1);
    const reader = response.body[Symbol.asyncIterator]();
    for (let count = 0; count < 3; count++) await reader.next();
    assert.equal(desk.holds, 0);
    assert.equal(desk.clock.pending, 0);
    for (let seq = 5; seq <= 8; seq++) desk.part(seq, chunk);
    assert.equal(desk.holds, 1);
    await desk.clock.advance(30_000);
    assert.equal(desk.holds, 0);
    for (let count = 0; count < 5; count++) await reader.next();
    await assert.rejects(reader.next(), fails("reader_stalled"));
    assert.deepEqual(desk.cancelled, [desk.id]);
  });

  test("an error says whether it was sent, and names the origin only (Q5)", async () => {
    const message =
      "http/request failed: error sending request for url (http://host.test:8080/path?key=hidden)";
    for (const [data, code] of [
      [undefined, "http_failed"],
      [{ code: "connect_failed" }, "connect_failed"],
    ] as const) {
      const desk = new Desk();
      desk.answer = () => Promise.reject(new RpcError({ code: -32_603, message, ...(data && { data }) }));
      await assert.rejects(desk.open(), (error) => {
        assert.ok(fails(code)(error) && error instanceof ExecutorError);
        assert.equal(error.message, 'Executor "box" cannot make an HTTP request to http://host.test:8080');
        assert.equal(error.cause, undefined);
        return true;
      });
      assert.deepEqual(desk.cancelled, []);
    }
  });
});
