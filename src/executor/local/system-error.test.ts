import assert from "node:assert/strict";
import { stat } from "node:fs/promises";
import { suite, test } from "node:test";
import { systemError, systemErrorText } from "./system-error.ts";

suite("errors of the operating system", () => {
  test("have the words of the original", async () => {
    const error: unknown = await stat("/does/not/exist").catch((caught: unknown) => caught);
    assert.equal(systemErrorText(error), "No such file or directory (os error 2)");
    assert.equal(systemErrorText(systemError("ENOENT")), systemErrorText(error));
    assert.equal(
      systemErrorText(systemError("ELOOP")),
      `Symbolic link loop (os error ${-Number(systemError("ELOOP").errno)})`,
    );
    assert.equal(systemErrorText(new Error("something else")), undefined);
  });
});
