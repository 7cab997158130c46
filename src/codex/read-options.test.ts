import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { readCodexOptions, readThreadOptions, readTurnOptions } from "./read-options.ts";
import { CodexError } from "./errors.ts";

const refused: readonly (readonly [
  what: string,
  check: (options: never) => void,
  options: object,
  message: RegExp,
])[] = [
  ["a misspelt option", readCodexOptions, { basUrl: "http://h" }, /no option basUrl; did you mean baseUrl\?/],
  ["an option in another case", readThreadOptions, { mcpservers: {} }, /did you mean mcpServers/],
  [
    "a home that is none",
    readCodexOptions,
    { home: "usr" },
    /^home must be "switchyard", "user" or \{ path \}/,
  ],
  ["a handler that is no function", readThreadOptions, { onQuestion: 1 }, /^onQuestion must be a function/],
  ["a negative time", readThreadOptions, { questionTimeoutMs: -1 }, /^questionTimeoutMs must be a number/],
  ["no number for a time", readCodexOptions, { idleUnloadMs: Number.NaN }, /^idleUnloadMs must be a number/],
  ["an unknown mode", readThreadOptions, { sandboxMode: "x" }, /^sandboxMode must be one of read-only, /],
  [
    "an environment that is not of strings",
    readThreadOptions,
    { env: { A: 1 } },
    /^env\.A must be a string, but is a number$/,
  ],
  ["no list", readThreadOptions, { additionalDirectories: "a" }, /^additionalDirectories must be a list/],
  ["no signal", readTurnOptions, { signal: 1 }, /^signal must be an object/],
  [
    "a file that cannot be read",
    readCodexOptions,
    { caFile: "/nowhere" },
    /^caFile cannot be read: "\/nowhere"$/,
  ],
  ["no list of environments", readCodexOptions, { environments: {} }, /^environments must be a list/],
  [
    "an environment with a reserved name",
    readCodexOptions,
    { environments: [{ id: "local", url: "ws://h" }] },
    /^environments\[0\]\.id cannot be used: .*reserved$/,
  ],
  [
    "an environment without a WebSocket URL",
    readCodexOptions,
    { environments: [{ id: "box", url: "http://h" }] },
    /^environments\[0\]\.url must be a ws or wss URL$/,
  ],
  [
    "an environment without time to connect",
    readCodexOptions,
    { environments: [{ id: "box", url: "ws://h", connectTimeoutMs: 0 }] },
    /^environments\[0\]\.connectTimeoutMs must be more than 0 milliseconds$/,
  ],
  ...[null, [], "x", 1, true].map(
    (outputSchema) =>
      [
        `a schema that is ${JSON.stringify(outputSchema)}`,
        readTurnOptions,
        { outputSchema },
        /^outputSchema must be a plain JSON object$/,
      ] as const,
  ),
];
for (const [what, check, options, message] of refused) {
  test(`options: ${what} is rejected by name`, () => {
    assert.throws(() => check(options as never), { name: "CodexError", code: "invalid_options", message });
  });
}

test("options: a file of certificates must hold one", () => {
  const directory = mkdtempSync(join(tmpdir(), "switchyard-ca-"));
  try {
    const caFile = join(directory, "ca.pem");
    writeFileSync(caFile, "nothing");
    assert.throws(() => readCodexOptions({ caFile }), {
      code: "invalid_options",
      message: /no certificate/,
    });
    writeFileSync(caFile, "-----BEGIN CERTIFICATE-----\n");
    readCodexOptions({ caFile });
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("options: what the SDK may have one day, and what is undefined, is ignored", () => {
  const outputSchema = { type: "object" };
  assert.equal(readTurnOptions({ outputSchema }).outputSchema, outputSchema);
  readThreadOptions({ somethingNewAltogether: 1, model: undefined } as never);
  readCodexOptions({});
});

test("options: whatever they are, the answer is yes or invalid_options", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (options) => {
      for (const check of [readCodexOptions, readThreadOptions, readTurnOptions]) {
        try {
          check(options);
        } catch (error) {
          assert.ok(error instanceof CodexError && error.code === "invalid_options");
        }
      }
    }),
  );
});
