import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { Redactor } from "../../base/redact.ts";
import type { CallOutcome } from "../../mcp/index.ts";
import type { ToolOutput } from "../router/contract.ts";
import { codexOutput } from "./codex-output.ts";
import { cutMiddle } from "./cut-middle.ts";
import { KeptOutputs, READ_TOOL_OUTPUT } from "./kept-outputs.ts";
import { modelOutput, type ModelOutputOptions } from "./model-output.ts";

const PNG =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const IMAGE = { type: "image", data: PNG, mimeType: "image/png" };
const SHOWN = { type: "input_image", image_url: `data:image/png;base64,${PNG}`, detail: "high" };

const text = (words: string): object => ({ type: "text", text: words });
const part = (words: string): object => ({ type: "input_text", text: words });

function result(fields: object): CallOutcome {
  return { kind: "result", result: { content: [], ...fields } };
}

function output(outcome: CallOutcome, options: Partial<ModelOutputOptions> = {}): ToolOutput {
  return modelOutput(outcome, { server: "s", tool: "t", ...options });
}

function textsOf(given: ToolOutput): string[] {
  if (typeof given === "string") return [given];
  return given.flatMap((each) => (each.type === "input_text" ? [each.text] : []));
}

suite("a result becomes", () => {
  const cases: readonly (readonly [what: string, outcome: CallOutcome, wanted: unknown, options?: object])[] =
    [
      ["its text", result({ content: [text("hello")] }), "hello"],
      ["a sentence when there is nothing", result({}), "The tool returned nothing."],
      [
        "texts and images, in order",
        result({ content: [text("a"), IMAGE, text("b")] }),
        [part("a"), SHOWN, part("b")],
      ],
      ["its structured content", result({ structuredContent: { a: 1 } }), '{"a":1}'],
      [
        "its structured content and all that it does not say",
        result({ content: [text("a"), IMAGE], structuredContent: { a: 1 } }),
        [part("a"), SHOWN, part('Structured content:\n{"a":1}')],
      ],
      [
        "its text alone where that says the same",
        result({ content: [text('{ "b": [1], "a": 1 }')], structuredContent: { a: 1, b: [1] } }),
        '{ "b": [1], "a": 1 }',
      ],
      [
        "its text with the word that the tool failed",
        { ...result({ content: [text("no")], isError: true }), kind: "tool_error" } as CallOutcome,
        [part("The tool reports an error:"), part("no")],
      ],
      [
        "a word in place of an image for a model that takes none",
        result({ content: [IMAGE] }),
        "[image (image/png) left out: you cannot see it]",
        { model: { images: false } },
      ],
      [
        "a word in place of an image that is none",
        result({ content: [{ ...IMAGE, data: "AAAA" }] }),
        "[image (image/png) left out: it is not a whole PNG, JPEG, GIF or WebP file]",
      ],
      [
        "a word in place of audio",
        result({ content: [{ type: "audio", data: "AAAA", mimeType: "audio/wav" }] }),
        "[audio (audio/wav) left out: you cannot hear it]",
      ],
      [
        "a link in words",
        result({
          content: [{ type: "resource_link", uri: "file:///a", name: "a", mimeType: "text/plain", size: 3 }],
        }),
        'Resource "a": file:///a (text/plain; 3 bytes)',
      ],
      [
        "the text of a resource",
        result({ content: [{ type: "resource", resource: { uri: "file:///a", text: "hi" } }] }),
        "Resource file:///a:\nhi",
      ],
      [
        "the picture of a resource",
        result({ content: [{ type: "resource", resource: { uri: "u", mimeType: "image/png", blob: PNG } }] }),
        [SHOWN],
      ],
      [
        "the size of a binary resource",
        result({ content: [{ type: "resource", resource: { uri: "u", blob: "AAAA" } }] }),
        "[Resource u left out: 3 bytes that are no text]",
      ],
      [
        "the JSON of a block that nobody knows",
        result({ content: [{ type: "weird", x: 1 }] }),
        '{"type":"weird","x":1}',
      ],
      [
        "its text after the time it took",
        result({ content: [text("a")] }),
        [part("Wall time: 0.0054 seconds\nOutput:"), part("a")],
        { elapsedMs: 5.4 },
      ],
      [
        "its text with what was cut on the way",
        { kind: "result", result: { content: [text("a")] } as never, truncated: "The result had 9 bytes" },
        [part("a"), part("[The result had 9 bytes]")],
      ],
    ];
  for (const [what, outcome, wanted, options] of cases)
    test(what, () => assert.deepEqual(output(outcome, options), wanted));
});

suite("a call without a result says what happened and what helps:", () => {
  const cases: readonly (readonly [what: string, outcome: CallOutcome, wanted: string])[] = [
    [
      "an error",
      { kind: "protocol_error", code: -32602, message: "no such city" },
      'The call of "t" of MCP server "s" failed with error -32602: no such city',
    ],
    [
      "an error with data and a stack",
      {
        kind: "protocol_error",
        code: 1,
        message: "Error: bang\n    at run (/home/me/server.js:3:9)\n    at async main",
        data: { stack: "x at y", field: "city", inner: { traceback: "…" } },
      },
      'The call of "t" of MCP server "s" failed with error 1: Error: bang\n{"field":"city","inner":{}}',
    ],
    [
      "an error of Python",
      {
        kind: "protocol_error",
        code: 1,
        message:
          'Traceback (most recent call last):\n  File "/srv/a.py", line 3, in run\n    raise X\nValueError: bang',
      },
      'The call of "t" of MCP server "s" failed with error 1: ValueError: bang',
    ],
    [
      "a time-out",
      { kind: "timeout", afterMs: 1000, message: 'MCP server "s" did not answer within 1 s' },
      'MCP server "s" did not answer within 1 s. The call may have been carried out all the same.',
    ],
    [
      "an abort",
      { kind: "cancelled", sent: true },
      'The call of "t" of MCP server "s" was cancelled. It may have been carried out in part.',
    ],
    [
      "an abort before",
      { kind: "cancelled", sent: false },
      'The call of "t" of MCP server "s" was cancelled before it was sent.',
    ],
    [
      "a loss",
      { kind: "lost", message: "it is not known whether the call was carried out" },
      "it is not known whether the call was carried out. Find out what it changed before you call it again.",
    ],
    [
      "a login that is needed",
      { kind: "not_sent", reason: "needs_login", message: "401" },
      'The call of "t" of MCP server "s" was not carried out: 401. A person has to log in to this server before its tools can be used.',
    ],
    [
      "a tool that is switched off",
      { kind: "not_sent", reason: "tool_disabled", message: "disabled_tools names it" },
      'The call of "t" of MCP server "s" was not carried out: disabled_tools names it. This tool may not be used here. Use another one.',
    ],
  ];
  for (const [what, outcome, wanted] of cases) test(what, () => assert.equal(output(outcome), wanted));
});

suite("what a model is given", () => {
  test("holds no control characters, no sequences of a terminal, and no halves of characters", () => {
    const words = "a\u0000b\u001b[31mred\u001b[0m\u009bc\u007f\r\nd\re\tf\ud83d";
    assert.equal(output(result({ content: [text(words)] })), "abred\nd\ne\tf\ufffd");
  });

  test("holds no secret, in either form, also with a character in its middle", () => {
    const redactor = new Redactor();
    redactor.add("hunter2-secret");
    redactor.add("line 1\r\nline 2");
    const said = result({ content: [text("hunter2-secret")], structuredContent: { a: "hunter2-secret" } });
    for (const convert of [modelOutput, codexOutput]) {
      const given = JSON.stringify(convert(said, { server: "s", tool: "t", redactor }));
      assert.doesNotMatch(given, /hunter2/);
      assert.match(given, /\*\*\*/);
    }
    const words = "hunter2\u0000-secret and line 1\r\nline 2";
    assert.equal(output(result({ content: [text(words)] }), { redactor }), "*** and ***");
    const error = { kind: "lost", message: "Bearer hunter2-secret" } as const;
    assert.match(output(error, { redactor }) as string, /^Bearer \*\*\*\./);
  });

  test("is cut in the middle, and what is left out can be read", () => {
    const outputs = new KeptOutputs();
    const kept = { outputs, callId: "call_1" };
    const whole = Array.from({ length: 5_000 }, (_, at) => `line ${at}\n`).join("");
    const given = output(result({ content: [text(whole), IMAGE, text("end")] }), {
      outputTokenLimit: 100,
      kept,
    });
    const [head = "", tail] = textsOf(given);
    const length = whole.length + 3;
    const [, from, to, call] =
      /characters (\d+) to (\d+) of \d+ left out; to read them: read_tool_output (.+) …/.exec(head) ?? [];
    assert.deepEqual(given.length, 3);
    assert.equal(tail, "end");
    assert.ok(head.includes(`of ${length} `));
    assert.ok(head.startsWith("line 0\nline 1\n"));
    const read = outputs.read(JSON.parse(call ?? "") as never);
    assert.ok(read.startsWith(`Characters ${from} to `));
    assert.equal(
      read.slice(read.indexOf("\n") + 1),
      whole.slice(Number(from), Number(from) + read.length - read.indexOf("\n") - 1),
    );
    assert.ok(Number(to) > Number(from));
  });

  test("says that it was cut where nothing is kept", () => {
    const [given = ""] = textsOf(
      output(result({ content: [text("x".repeat(1000))] }), { outputTokenLimit: 50 }),
    );
    assert.match(given, /^x+\n\[… characters (\d+) to \d+ of 1000 left out …\]\nx+$/);
  });
});

const words = fc.string({ unit: fc.constantFrom("a", "b\n", "é", "€", "😀", "👩‍👩‍👧"), maxLength: 400 });

suite("a cut in the middle", () => {
  test("keeps the budget, counts exactly, and halves no character (M1, M2, M3)", () => {
    const marker = (gap: object): string => `<${JSON.stringify(gap)}>`;
    fc.assert(
      fc.property(fc.array(words, { maxLength: 5 }), fc.nat(1_500), (texts, bytesMax) => {
        const { texts: cut, gap } = cutMiddle(texts, bytesMax, marker);
        const shown = cut.join("");
        const whole = texts.join("");
        assert.equal(cut.length, texts.length);
        assert.ok(Buffer.byteLength(shown) <= Math.max(bytesMax, 0));
        assert.ok(shown.isWellFormed());
        if (gap === undefined) return assert.deepEqual(cut, texts);
        assert.ok(Buffer.byteLength(whole) > bytesMax);
        assert.equal(gap.length, whole.length);
        const mark = marker(gap);
        if (bytesMax >= Buffer.byteLength(marker({ from: gap.length, to: gap.length, length: gap.length })))
          assert.equal(shown, whole.slice(0, gap.from) + mark + whole.slice(gap.to));
      }),
      { numRuns: 2_000 },
    );
  });

  test("keeps the budget of any result, and every character in reach (M1, K2)", () => {
    fc.assert(
      fc.property(
        fc.array(words, { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 1, max: 400 }),
        (texts, tokens) => {
          const outputs = new KeptOutputs({ tokensMax: 100 });
          const given = output(result({ content: texts.map(text) }), {
            outputTokenLimit: tokens,
            kept: { outputs, callId: "c" },
          });
          const bytes = textsOf(given).reduce((sum, each) => sum + Buffer.byteLength(each), 0);
          assert.ok(bytes <= Math.max(tokens * 4, 30), `${bytes} bytes of ${tokens} tokens`);
          if (outputs.bytes === 0) return;
          let all = "";
          for (let next: number | undefined = 0; next !== undefined; ) {
            const read = outputs.read({ call_id: "c", offset: next });
            assert.ok(Buffer.byteLength(read) <= 400);
            assert.ok(read.isWellFormed());
            all += read.slice(read.indexOf("\n") + 1);
            const [, offset] = /next offset is (\d+)/.exec(read.slice(0, read.indexOf("\n"))) ?? [];
            next = offset === undefined ? undefined : Number(offset);
          }
          assert.equal(all.replaceAll("\n", ""), texts.join("").replaceAll("\n", ""));
        },
      ),
      { numRuns: 500 },
    );
  });
});

suite("kept outputs", () => {
  test("make room for new ones, the oldest first, and say what is there (K1)", () => {
    const outputs = new KeptOutputs({ bytesMax: 10, outputsMax: 3 });
    assert.equal(outputs.keep("big", "x".repeat(11)), false);
    for (const id of ["a", "b", "c", "d"]) assert.equal(outputs.keep(id, "é"), true);
    assert.equal(outputs.bytes, 6);
    assert.equal(
      outputs.read({ call_id: "a" }),
      'The output of "a" is not kept, or not any more. The latest that are: b, c, d.',
    );
    assert.equal(outputs.keep("e", "12345678"), true);
    assert.equal(outputs.bytes, 10);
    assert.equal(outputs.keep("e", "123"), true);
    assert.equal(outputs.bytes, 5);
    assert.equal(outputs.read({ call_id: "e" }), "Characters 0 to 3 of 3; this is the end:\n123");
  });

  test("are read in parts that a model asks for, and explain what cannot be read", async () => {
    const outputs = new KeptOutputs();
    outputs.keep("c", "0123456😀9");
    const tool = outputs.tool();
    assert.equal(tool.name, READ_TOOL_OUTPUT);
    const about = { callId: "x", signal: new AbortController().signal };
    const read = (args: object): Promise<ToolOutput> => tool.run({ call_id: "c", ...args }, about);
    assert.equal(await read({ offset: 2, limit: 3 }), "Characters 2 to 5 of 10; the next offset is 5:\n234");
    assert.equal(await read({ offset: 7, limit: 1 }), "Characters 7 to 9 of 10; the next offset is 9:\n😀");
    assert.equal(await read({ offset: 8 }), "Characters 7 to 10 of 10; this is the end:\n😀9");
    assert.equal(await read({ offset: 6, limit: 2 }), "Characters 6 to 7 of 10; the next offset is 7:\n6");
    assert.equal(await read({ offset: 10 }), "The output has 10 characters; there are none from 10 on.");
    assert.equal(await read({ offset: -1 }), "offset must be a whole number of characters, 0 or more");
    assert.equal(await read({ limit: 0 }), "limit must be a whole number of characters, 1 or more");
    assert.equal(await read({ call_id: 7 }), "call_id must be a string");
    assert.match((await read({ call_id: "__proto__" })) as string, /is not kept/);
  });
});
