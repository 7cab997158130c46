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
  ["an unknown home", readCodexOptions, { home: "usr" }, /^home must be "switchyard", "user" or \{ path \}/],
  [
    "a handler that is not a function",
    readThreadOptions,
    { onQuestion: 1 },
    /^onQuestion must be a function/,
  ],
  ["a negative time", readThreadOptions, { questionTimeoutMs: -1 }, /^questionTimeoutMs must be a number/],
  [
    "a time that is not a number",
    readCodexOptions,
    { idleUnloadMs: Number.NaN },
    /^idleUnloadMs must be a number/,
  ],
  ["an unknown mode", readThreadOptions, { sandboxMode: "x" }, /^sandboxMode must be one of read-only, /],
  [
    "a variable that is not a string",
    readThreadOptions,
    { env: { A: 1 } },
    /^env\.A must be a string, but is a number$/,
  ],
  [
    "a folder instead of a list",
    readThreadOptions,
    { additionalDirectories: "a" },
    /^additionalDirectories must be a list/,
  ],
  ["a signal that is not an object", readTurnOptions, { signal: 1 }, /^signal must be an object/],
  [
    "a file that cannot be read",
    readCodexOptions,
    { caFile: "/nowhere" },
    /^caFile cannot be read: "\/nowhere"$/,
  ],
  [
    "environments that are not a list",
    readCodexOptions,
    { environments: {} },
    /^environments must be a list/,
  ],
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
  [
    "an environment with a program in no place",
    readCodexOptions,
    { environments: [{ id: "box", program: "ssh", cwd: "here" }] },
    /^environments\[0\]\.cwd must be an absolute path$/,
  ],
  [
    "an environment of neither kind",
    readCodexOptions,
    { environments: [{ id: "box" }] },
    /^environments\[0\]\.url is missing$/,
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

test("options: a file without a certificate is rejected", () => {
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

test("options: unknown names, which a newer SDK may have, and undefined values are ignored", () => {
  const outputSchema = { type: "object" };
  assert.equal(readTurnOptions({ outputSchema }).outputSchema, outputSchema);
  readThreadOptions({ somethingNewAltogether: 1, model: undefined } as never);
  readCodexOptions({});
});

test("options: any object is accepted, or rejected with invalid_options", () => {
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
