import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { WireItem } from "./responses-items.ts";
import { ResponseStream } from "./responses-stream.ts";

type Event = Readonly<Record<string, unknown>>;

const message = (text: string): WireItem => {
  return {
    id: "m",
    type: "message",
    role: "assistant",
    status: "completed",
    content: [{ type: "output_text", text }],
  };
};

function parse(...texts: string[]): Event[] {
  const blocks = texts.join("").split("\n\n").slice(0, -1);
  return blocks.map((block) => {
    const [event = "", data = ""] = block.split("\n");
    const parsed = JSON.parse(data.replace(/^data: /, "")) as Event;
    assert.equal(event, `event: ${String(parsed["type"])}`);
    return parsed;
  });
}

suite("ResponseStream", () => {
  test("numbers its events without a gap and its items in order (R1)", () => {
    const stream = new ResponseStream("r", "m");
    const call: WireItem = { id: "f", type: "function_call", call_id: "c", name: "f", arguments: "{}" };
    const first = [stream.created(), ...stream.item(message("a"), 9)];
    const events = parse(...first, ...stream.item(call, 9), stream.completed({}));
    assert.deepEqual(
      events.map((event) => event["sequence_number"]),
      events.map((_, index) => index),
    );
    const done = events.filter((event) => event["type"] === "response.output_item.done");
    assert.deepEqual(
      done.map((event) => event["output_index"]),
      [0, 1],
    );
  });

  for (const chunkLength of [1, 3, 100]) {
    test(`sends a text whole in pieces of ${chunkLength} (R2)`, () => {
      const text = "größe 🚂 und mehr";
      const events = parse(...new ResponseStream("r", "m").item(message(text), chunkLength));
      const deltas = events.filter((event) => event["type"] === "response.output_text.delta");
      assert.equal(deltas.map((event) => event["delta"]).join(""), text);
      assert.equal(deltas.length, Math.ceil(text.length / chunkLength));
    });
  }

  test("states usage with its defaults and the finished items at the end", () => {
    const stream = new ResponseStream("r", "m");
    parse(...stream.item(message("a"), 9));
    const [completed] = parse(stream.completed({ inputTokens: 7, reasoningOutputTokens: 2 }));
    const response = completed?.["response"] as { usage: unknown; output: unknown[] };
    assert.deepEqual(response.usage, {
      input_tokens: 7,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: 10,
      output_tokens_details: { reasoning_tokens: 2 },
      total_tokens: 17,
    });
    assert.equal(response.output.length, 1);
  });
});
