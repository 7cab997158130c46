import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { suite, test } from "node:test";
import { promptOf } from "./prompt-script.ts";
import { cut, delay, fail, hang, say } from "./reply.ts";
import { ScriptedModel } from "./scripted-model.ts";

const post = (model: ScriptedModel, body: object, signal?: AbortSignal): Promise<Response> =>
  fetch(`${model.baseUrl}/responses`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: "Bearer key" },
    body: JSON.stringify(body),
    ...(signal === undefined ? {} : { signal }),
  });

suite("ScriptedModel", () => {
  test("streams the answer its script gives", async () => {
    await using model = await ScriptedModel.start({
      script: (request) => say(`for ${request.bearerToken ?? "nobody"}`),
    });
    const text = await (await post(model, { input: "hi", stream: true })).text();
    assert.match(text, /event: response.created/);
    assert.match(text, /"delta":"for key"/);
    assert.match(text, /event: response.completed/);
  });

  test("answers with one object when no stream is asked for", async () => {
    await using model = await ScriptedModel.start();
    const body = (await (await post(model, { input: "hi" })).json()) as { output: { content: unknown }[] };
    assert.deepEqual(body.output[0]?.content, [
      { type: "output_text", text: "You said: hi", annotations: [] },
    ]);
  });

  test("records requests in order and keeps the newest (M2)", async () => {
    await using model = await ScriptedModel.start({ requestsMax: 2 });
    for (const input of ["a", "b", "c"]) await (await post(model, { input })).text();
    const orders = model.requests.map((entry) => [entry.order, entry.request?.prompt]);
    assert.deepEqual(orders, [
      [1, "b"],
      [2, "c"],
    ]);
    assert.equal(model.received, 3);
  });

  test("lists a model, refuses unknown routes and WebSockets", async () => {
    await using model = await ScriptedModel.start();
    assert.equal((await fetch(`${model.baseUrl}/models`)).status, 200);
    assert.equal((await fetch(`${model.baseUrl}/nope`)).status, 404);
    const socket = connect(Number(new URL(model.baseUrl).port), "127.0.0.1");
    const upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nHost: x\r\n";
    socket.write(`GET /v1/responses HTTP/1.1\r\n${upgrade}\r\n`);
    const [answer] = (await once(socket, "data")) as [Buffer];
    assert.match(answer.toString(), /^HTTP\/1.1 426 /);
    await once(socket, "close");
  });

  test("fails with the status, body and headers of the script", async () => {
    const script = () => fail(429, { error: { message: "slow down" } }, { "retry-after": "3" });
    await using model = await ScriptedModel.start({ script });
    const answer = await post(model, { input: "hi", stream: true });
    assert.equal(answer.status, 429);
    assert.equal(answer.headers.get("retry-after"), "3");
    assert.deepEqual(await answer.json(), { error: { message: "slow down" } });
  });

  test("turns a script that throws into a 400 with its message (M4)", async () => {
    const script = () => {
      throw new Error("no idea");
    };
    await using model = await ScriptedModel.start({ script });
    const answer = await post(model, { input: "hi", stream: true });
    assert.equal(answer.status, 400);
    assert.match(await answer.text(), /The script threw: no idea/);
  });

  test("drops the connection in the middle of an answer when cut", async () => {
    await using model = await ScriptedModel.start({ script: () => [say("half"), cut(), say("never")] });
    const answer = await post(model, { input: "hi", stream: true });
    await assert.rejects(answer.text());
  });

  test("tells a waiting script that its client left", async (t) => {
    const left = Promise.withResolvers<string>();
    await using model = await ScriptedModel.start({
      script: ({ signal }) => {
        signal.addEventListener("abort", () => left.resolve((signal.reason as Error).message));
        return hang();
      },
    });
    const leaving = new AbortController();
    const answer = post(model, { input: "hi", stream: true }, leaving.signal);
    await model.waitForRequests(1, t);
    leaving.abort();
    await assert.rejects(answer);
    assert.equal(await left.promise, "The client went away");
    await model.waitUntilIdle(t);
  });

  test("closes an answer in progress when disposed, and fails later waits (M3)", async (t) => {
    const model = await ScriptedModel.start({ script: () => [say("half"), delay(60_000)] });
    const answer = await post(model, { input: "hi", stream: true });
    const waiting = assert.rejects(model.waitForRequests(2, t), /disposed/);
    await Promise.all([model[Symbol.asyncDispose](), model[Symbol.asyncDispose]()]);
    await assert.rejects(answer.text());
    await waiting;
    assert.equal(model.answering, 0);
  });

  test("serves many scripts at once without mixing them (M1)", async () => {
    await using model = await ScriptedModel.start();
    const texts = await Promise.all(
      Array.from({ length: 50 }, async (_, index) => {
        const input = promptOf({ delayMs: index % 7 }, { say: `i am ${index}.` });
        return (await post(model, { input, stream: true })).text();
      }),
    );
    for (const [index, text] of texts.entries()) assert.ok(text.includes(`"delta":"i am ${index}."`));
  });
});
