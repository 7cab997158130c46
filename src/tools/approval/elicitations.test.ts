import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { JsonObject } from "../../base/json.ts";
import type { Elicitation, ElicitationAnswer } from "../../mcp/index.ts";
import { ManualClock } from "../../testing/manual-clock.ts";
import { checkElicitationAnswer } from "./elicitation-answer.ts";
import { type ElicitationOptions, elicitationsFor } from "./elicitations.ts";

const FORM: JsonObject = {
  type: "object",
  properties: {
    name: { type: "string", minLength: 2, maxLength: 3 },
    age: { type: "integer", minimum: 0, maximum: 150 },
    ratio: { type: "number" },
    ok: { type: "boolean" },
    mail: { type: "string", format: "email" },
    site: { type: "string", format: "uri" },
    day: { type: "string", format: "date" },
    at: { type: "string", format: "date-time" },
    color: { type: "string", enum: ["red", "blue"] },
    size: {
      type: "string",
      oneOf: [
        { const: "s", title: "Small" },
        { const: "l", title: "Large" },
      ],
    },
    tags: { type: "array", minItems: 1, maxItems: 2, items: { type: "string", enum: ["a", "b"] } },
    sorts: { type: "array", items: { anyOf: [{ const: "x", title: "X" }] } },
    odd: { type: "object" },
  },
  required: ["name"],
};

suite("an answer to a form", () => {
  const cases: readonly (readonly [content: unknown, wanted: string])[] = [
    [{ name: "Al" }, ""],
    [{ name: "😀😀😀" }, ""],
    [
      {
        name: "Al",
        age: 150,
        ratio: 0.5,
        ok: false,
        mail: "a@b.c",
        site: "https://x.y",
        day: "2024-02-29",
        at: "2026-01-31T12:00:00.5+02:00",
        color: "red",
        size: "l",
        tags: ["a", "b"],
        sorts: ["x"],
        odd: 7,
        more: 1,
      },
      "",
    ],
    [undefined, "name is missing"],
    [{}, "name is missing"],
    [[], " must be an object"],
    [null, " must be an object"],
    [{ name: 7 }, "name must be a string"],
    [{ name: "A" }, "name must have at least 2 characters"],
    [{ name: "Alan" }, "name must have at most 3 characters"],
    [{ name: "Al", age: "7" }, "age must be a number"],
    [{ name: "Al", age: 1.5 }, "age must be a whole number"],
    [{ name: "Al", age: -1 }, "age must be at least 0"],
    [{ name: "Al", age: 151 }, "age must be at most 150"],
    [{ name: "Al", ratio: Number.NaN }, "ratio must be a number"],
    [{ name: "Al", ok: "yes" }, "ok must be true or false"],
    [{ name: "Al", mail: "a" }, "mail must be an email address"],
    [{ name: "Al", site: "x" }, "site must be a URI"],
    [{ name: "Al", day: "2026-02-30" }, "day must be a date, as 2026-01-31"],
    [{ name: "Al", at: "2026-01-31" }, "at must be a date and time with its zone, as 2026-01-31T12:00:00Z"],
    [{ name: "Al", color: "green" }, "color must be one of the choices"],
    [{ name: "Al", size: "m" }, "size must be one of the choices"],
    [{ name: "Al", tags: "a" }, "tags must be a list"],
    [{ name: "Al", tags: [] }, "tags must have at least 1 items"],
    [{ name: "Al", tags: ["a", "c"] }, "tags.1 must be one of the choices"],
    [{ name: "Al", sorts: ["y"] }, "sorts.0 must be one of the choices"],
    [{ age: "x", color: 1 }, "name is missing; age must be a number; color must be a string"],
  ];
  for (const [content, wanted] of cases)
    test(`${JSON.stringify(content)}: ${wanted === "" ? "fits" : wanted}`, () => {
      const issues = checkElicitationAnswer(FORM, content);
      assert.equal(issues.map(({ path, what }) => `${path.join(".")} ${what}`).join("; "), wanted);
    });

  test("may have no other fields where the schema says so, nor names of every object", () => {
    const issues = (content: object): unknown[] =>
      checkElicitationAnswer(
        { properties: {}, additionalProperties: false, required: ["toString"] },
        content,
      ).map(({ code, path }) => `${path.join(".")} ${code}`);
    assert.deepEqual(issues({ constructor: 1 }), ["toString missing_field", "constructor unknown_field"]);
  });

  test("is checked against any schema, however odd", () => {
    for (const schema of [{}, { properties: 7 }, { required: 7 }, { properties: { name: 7 }, required: [7] }])
      assert.deepEqual(checkElicitationAnswer(schema, { name: "x" }), []);
  });
});

suite("a question of a server", () => {
  const question: Elicitation = {
    server: "s",
    call: undefined,
    mode: "form",
    message: "?",
    requestedSchema: FORM,
  };
  const signal = new AbortController().signal;
  const log: string[] = [];
  const ask = (options: ElicitationOptions, about: Elicitation = question): Promise<ElicitationAnswer> =>
    elicitationsFor({ log: (level, message) => void log.push(`${level} ${message}`), ...options })(about, {
      signal,
    });
  const yes = (content: JsonObject) => (): Promise<ElicitationAnswer> =>
    Promise.resolve({ action: "accept", content });

  test("is answered by the handler, and its answer is checked", async () => {
    assert.deepEqual(await ask({ onElicit: yes({ name: "Al" }) }), {
      action: "accept",
      content: { name: "Al" },
    });
    assert.deepEqual(await ask({ onElicit: yes({}) }), { action: "decline" });
    assert.deepEqual(log.splice(0), ['warn The answer to MCP server "s" was not sent: name is missing']);
  });

  test("is declined where nobody answers, and by policy", async () => {
    assert.deepEqual(await ask({}), { action: "decline" });
    for (const policy of ["never", "full_access"] as const)
      assert.deepEqual(await ask({ policy, onElicit: yes({ name: "Al" }) }), { action: "decline" });
    const empty = { ...question, requestedSchema: { type: "object", properties: {} } };
    assert.deepEqual(await ask({ policy: "full_access" }, empty), { action: "accept", content: {} });
    assert.deepEqual(await ask({ policy: "never" }, empty), { action: "decline" });
  });

  test("is declined when the handler throws, and cancelled when its time or its call is over", async () => {
    const onElicit = (): Promise<ElicitationAnswer> => Promise.reject(new Error("no window"));
    assert.deepEqual(await ask({ onElicit }), { action: "decline" });
    assert.deepEqual(log.splice(0), ['warn The question of MCP server "s" failed: no window']);
    const clock = new ManualClock();
    const signals: AbortSignal[] = [];
    const silent = (_: Elicitation, about: { readonly signal: AbortSignal }): Promise<ElicitationAnswer> => {
      signals.push(about.signal);
      return new Promise(() => {});
    };
    const late = ask({ onElicit: silent, timeoutMs: 1_000, clock });
    await clock.advance(1_000);
    assert.deepEqual(await late, { action: "cancel" });
    const stop = new AbortController();
    const handler = elicitationsFor({ onElicit: silent, clock });
    const stopped = handler(question, { signal: stop.signal });
    await clock.advance(0);
    stop.abort();
    assert.deepEqual(await stopped, { action: "cancel" });
    assert.deepEqual(
      signals.map(({ aborted }) => aborted),
      [true, true],
    );
    assert.equal(clock.pending, 0);
    assert.deepEqual(log, []);
  });
});
