/**
 * What a model is given for a call, by us and by real Codex, byte for byte.
 *
 * One server answers the same to both; the model's second request holds what Codex made of it.
 */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { McpManager } from "../../src/mcp/index.ts";
import { type ModelTraits, outputsFor } from "../../src/tools/index.ts";
import {
  answering,
  type Arguments,
  type CatalogModel,
  outputsInCodex,
  type ServerKeys,
} from "./support/answering.ts";
import { sample } from "../support/sample.ts";

const timeout = 120_000;
const PNG =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

const result = (fields: object): Arguments => ({ answer: { result: fields } });
const content = (...blocks: unknown[]): Arguments => result({ content: blocks });
const text = (words: unknown): object => ({ type: "text", text: words });
const image = (data: unknown, more: object = {}): object => ({
  type: "image",
  data,
  mimeType: "image/png",
  ...more,
});
const detail = (wanted: unknown): object => ({ _meta: { "codex/imageDetail": wanted } });
const link = (more: object): Arguments =>
  content({ type: "resource_link", uri: "file:///a", name: "a", ...more });
const resource = (inner: object, more: object = {}): Arguments =>
  content({ type: "resource", resource: { uri: "file:///a", ...inner }, ...more });
const error = (fields: object): Arguments => ({
  answer: { error: { code: -32001, message: "msg", ...fields } },
});

const ANSWERS: Readonly<Record<string, Arguments>> = {
  "a text": content(text("hello")),
  "two texts": content(text("a"), text("b\nc")),
  "empty texts": content(text(" "), text(""), text("x"), text("")),
  "no content": content(),
  "nothing but isError": result({ isError: true }),
  "nothing but _meta": result({ _meta: { a: 1 } }),
  "characters of all kinds": content(text("😀é\u0000\u001b[31m\u007f\u2028\r\n\t\ufeff")),
  "annotations and _meta of a text": content({
    ...text("t"),
    annotations: { audience: ["user"] },
    _meta: { a: 1 },
  }),
  "_meta of the result": result({ content: [text("x")], _meta: { a: 1 } }),
  isError: result({ content: [text("bad")], isError: true }),
  "isError that is null": result({ content: [text("x")], isError: null }),
  "structured content": result({
    content: [text("x")],
    structuredContent: { b: 1, a: "é\u007f\u2028<", f: 1e21, s: 1e-7 },
  }),
  "structured content and an image": result({ content: [image(PNG)], structuredContent: {} }),
  "structured content with isError": result({
    content: [text("x")],
    structuredContent: { e: [1, null] },
    isError: true,
  }),
  "structured content alone": result({ structuredContent: { a: 1 } }),
  "structured content that is null": result({ content: [text("x")], structuredContent: null }),
  "structured content beside an unknown block": result({ content: [{ type: "x" }], structuredContent: {} }),
  "an image": content(image(PNG)),
  "an image, then a text": content(image(PNG), text("after")),
  "an image of another type than it says": content(image(PNG, { mimeType: "text/plain" })),
  "an image as a data URL": content(image(`data:image/png;base64,${PNG}`)),
  "an image that is no base64": content(image("!!!")),
  "an image with a line break in it": content(image(`${PNG.slice(0, 20)}\n${PNG.slice(20)}`)),
  "an image that is none": content(image("AAAA")),
  "an image without data": content(image("")),
  "half an image": content(image(PNG.slice(0, 60))),
  "the address of an image": content(image("https://example.com/a.png")),
  "an image in SVG": content(image(Buffer.from("<svg/>").toString("base64"), { mimeType: "image/svg+xml" })),
  "an image, detail auto": content(image(PNG, detail("auto"))),
  "an image, detail high": content(image(PNG, detail("high"))),
  "an image, detail low": content(image(PNG, detail("low"))),
  "an image, detail original": content(image(PNG, detail("original"))),
  "an image, another detail": content(image(PNG, detail(7))),
  "an image without a type": content({ type: "image", data: PNG }),
  audio: content({ type: "audio", data: "AAAA", mimeType: "audio/wav" }),
  "audio without a type": content({ type: "audio", data: "AAAA" }),
  "a link": link({}),
  "a link with everything": link({
    annotations: { lastModified: "2025-01-01T00:00:00Z", priority: 1, audience: ["user"], x: 1 },
    _meta: { a: 1 },
    icons: [{ sizes: ["1x1"], mimeType: "image/png", src: "s", x: 1 }],
    size: 4294967296,
    mimeType: "text/plain",
    description: "d",
    title: "T",
    x: 1,
  }),
  "a link with nulls": link({ title: null, annotations: null, _meta: null, size: null }),
  "a link with a priority": link({ annotations: { priority: 0.123456789 } }),
  "a link with a small priority": link({ annotations: { priority: 1e-10 } }),
  "a link with half a byte": link({ size: 5.5 }),
  "a link for an unknown audience": link({ annotations: { audience: ["x"] } }),
  "a link without a name": content({ type: "resource_link", uri: "u" }),
  "a text resource": resource({ text: "hi", mimeType: "text/plain", x: 1 }),
  "a binary resource": resource({ blob: "AAAA" }),
  "a resource with everything": resource(
    { text: "hi", blob: "AAAA", _meta: { a: 1 } },
    { annotations: { audience: ["assistant"], priority: 0.1 }, _meta: { z: 1 } },
  ),
  "a resource without content": resource({}),
  "an unknown block": content({ type: "weird", x: 1 }),
  "an empty block": content({}),
  "a block without a type": content({ text: "x" }),
  "a text that is a number": content(text(5)),
  "a text whose annotations are none": content({ ...text("x"), annotations: "no" }),
  "a text whose _meta is none": content({ ...text("x"), _meta: 5 }),
  "an error": error({}),
  "an error with data": error({ data: { b: 1, a: [1, "x"] } }),
  "an error with a text as data": error({ data: "str" }),
  "an error with null as data": error({ data: null }),
  "an error with an empty list as data": error({ data: [] }),
  "an error of several lines": error({ message: "a\n\nb\n" }),
  "an error without words": error({ message: "" }),
};

const TEXTS: Readonly<Record<string, Arguments>> = {
  "a text that just fits": { texts: [[47_964, "a"]] },
  "a text of one byte too much": { texts: [[47_965, "a"]] },
  "a text far above": { texts: [[100_000, "a"]] },
  "several texts": {
    texts: [
      [40_000, "a"],
      [40_000, "b"],
      [10, "c"],
      [10, "d"],
    ],
  },
  "a text with one token left": {
    texts: [
      [30_000, "a"],
      [17_960, "b"],
      [10, "c"],
    ],
  },
  "texts with nothing left": {
    texts: [
      [30_000, "a"],
      [17_964, "b"],
      [10, "c"],
      [1, "d"],
    ],
  },
  "an empty text with nothing left": {
    texts: [
      [30_000, "a"],
      [17_964, "b"],
      [0, "c"],
    ],
  },
  "characters of two and four bytes": {
    texts: [
      [20_000, "é"],
      [20_000, "😀"],
    ],
  },
  "characters of three bytes": { texts: [[20_001, "a€"]] },
  lines: { texts: [[30_000, "a\n"]] },
  "long structured content": result({ structuredContent: { t: "x".repeat(60_000) } }),
  "structured content that just fits": result({ structuredContent: { t: "x".repeat(47_958) } }),
  "a long error": error({ message: "m".repeat(60_000) }),
  "an image after a long text": content(text("a".repeat(60_000)), image(PNG), text("b")),
  "a bad image after a long text": content(text("a".repeat(60_000)), image("!!!"), text("b")),
  "a bad image with one token left": content(text("a".repeat(47_960)), image("!!!"), text("b")),
};

/** Of Codex's output; ours is made to say the same. */
function elapsedMs(output: unknown): number {
  const [, seconds] = /Wall time: ([\d.]+) seconds/.exec(JSON.stringify(output)) ?? [];
  return seconds === undefined ? 0.1 : Number(seconds) * 1000;
}

/** Without the runs of one character. */
function brief(text: string): string {
  return text.replace(
    /(.)\1{30,}/gsu,
    (run, character: string) => `{${run.length / character.length} × ${character}}`,
  );
}

async function compare(
  cases: Readonly<Record<string, Arguments>>,
  keys: ServerKeys = {},
  model: string | CatalogModel = "gpt-5.5",
  traits: ModelTraits = { imageDetail: "original" },
): Promise<void> {
  const names = Object.keys(cases);
  const theirs = await outputsInCodex(Object.values(cases), keys, model);
  assert.equal(theirs.length, names.length);
  await using manager = new McpManager();
  await using thread = manager.openThread({ servers: { svc: { ...answering(), ...keys } } });
  const outputOf = outputsFor({ thread, form: "codex", model: traits });
  const differences: object[] = [];
  for (const [at, name] of names.entries()) {
    const outcome = await thread.callTool("svc", "t", cases[name] as never);
    const about = { callId: "c", tool: { qualified: { server: "svc", tool: "t" } } };
    const ours = outputOf({ ...about, elapsedMs: elapsedMs(theirs[at]) }, outcome);
    const comparable = (output: unknown): string =>
      // Where the output is cut inside of the header, its digits are lost.
      JSON.stringify(output).replace(/Wall time: [\d.]+/, "Wall time: 0");
    const [own, codex] = [comparable(ours), comparable(theirs[at])];
    if (own !== codex) differences.push({ name, kind: outcome.kind, own: brief(own), codex: brief(codex) });
  }
  assert.deepEqual(differences, []);
}

suite("a model is given what Codex gives it, byte for byte,", () => {
  test("whatever a tool answers", { timeout }, () => compare(ANSWERS));

  test("as a model whose images have no original detail", { timeout }, () =>
    compare(ANSWERS, {}, "mock-model", { outputLimit: { mode: "bytes", limit: 10_000 } }),
  );

  test("as a model that takes text only", { timeout }, () =>
    compare(ANSWERS, {}, { input_modalities: ["text"] }, { images: false }),
  );

  test("when the output is too long", { timeout }, () => compare(TEXTS));

  test("when the output is too long for a model with a limit in bytes", { timeout }, async () => {
    for (const limit of sample([10_000, 1001, 61], 3)) {
      const policy = { mode: "bytes", limit } as const;
      await compare(TEXTS, {}, { truncation_policy: policy }, { outputLimit: policy });
    }
  });

  test("when the tool has a limit of its own", { timeout }, async () => {
    for (const limit of sample([1, 3, 10, 11, 20, 100, 9_000], 3)) {
      await compare(
        { ...TEXTS, "a short text": { texts: [[10, "a"]] } },
        { tools: { t: { output_token_limit: limit } } },
      );
    }
  });

  test("when the time is over", { timeout }, async () => {
    for (const seconds of sample([0.25, 1, 1.5, 2], 2))
      await compare({ silence: { silent: true } }, { tool_timeout_sec: seconds });
  });
});
