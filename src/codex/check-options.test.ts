import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { checkCodexOptions, checkThreadOptions, checkTurnOptions } from "./check-options.ts";
import { CodexError } from "./errors.ts";

const refused: readonly (readonly [
  what: string,
  check: (options: never) => void,
  options: object,
  message: RegExp,
])[] = [
  [
    "a misspelt option",
    checkCodexOptions,
    { basUrl: "http://h" },
    /no option basUrl; did you mean baseUrl\?/,
  ],
  ["an option in another case", checkThreadOptions, { mcpservers: {} }, /did you mean mcpServers/],
  [
    "a home that is none",
    checkCodexOptions,
    { home: "usr" },
    /^home must be "switchyard", "user" or \{ path \}/,
  ],
  ["a handler that is no function", checkThreadOptions, { onQuestion: 1 }, /^onQuestion must be a function/],
  ["a negative time", checkThreadOptions, { questionTimeoutMs: -1 }, /^questionTimeoutMs must be a number/],
  ["no number for a time", checkCodexOptions, { idleUnloadMs: Number.NaN }, /^idleUnloadMs must be a number/],
  ["an unknown mode", checkThreadOptions, { sandboxMode: "x" }, /^sandboxMode must be one of read-only, /],
  [
    "an environment that is not of strings",
    checkThreadOptions,
    { env: { A: 1 } },
    /^env must be an object of strings/,
  ],
  ["no list", checkThreadOptions, { additionalDirectories: "a" }, /^additionalDirectories must be a list/],
  ["no signal", checkTurnOptions, { signal: 1 }, /^signal must be an object/],
  [
    "a file that cannot be read",
    checkCodexOptions,
    { caFile: "/nowhere" },
    /^caFile: cannot read "\/nowhere"/,
  ],
];
for (const [what, check, options, message] of refused) {
  test(`options: ${what} is refused by name`, () => {
    assert.throws(() => check(options as never), { name: "CodexError", code: "invalid_options", message });
  });
}

test("options: a file of certificates must hold one", () => {
  const directory = mkdtempSync(join(tmpdir(), "switchyard-ca-"));
  try {
    const caFile = join(directory, "ca.pem");
    writeFileSync(caFile, "nothing");
    assert.throws(() => checkCodexOptions({ caFile }), {
      code: "invalid_options",
      message: /no certificate/,
    });
    writeFileSync(caFile, "-----BEGIN CERTIFICATE-----\n");
    checkCodexOptions({ caFile });
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("options: what the SDK may have one day, and what is undefined, is passed over", () => {
  checkThreadOptions({ somethingNewAltogether: 1, model: undefined } as never);
  checkCodexOptions({});
});

test("options: whatever they are, the answer is yes or invalid_options", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (options) => {
      for (const check of [checkCodexOptions, checkThreadOptions, checkTurnOptions]) {
        try {
          check(options);
        } catch (error) {
          assert.ok(error instanceof CodexError && error.code === "invalid_options");
        }
      }
    }),
  );
});
