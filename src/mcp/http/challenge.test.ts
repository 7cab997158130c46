import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { loginWanted, scopesOf } from "./challenge.ts";

suite("a challenge", () => {
  test("names scopes and the metadata of the resource", () => {
    const header =
      'Bearer scope="a b a", resource_metadata="https://r.example/.well-known/x", error="invalid_token"';
    assert.deepEqual(loginWanted(header), {
      scopes: ["a", "b"],
      resourceMetadataUrl: "https://r.example/.well-known/x",
      insufficientScope: false,
    });
  });

  test("may stand behind one of another scheme, and in any case", () => {
    const header = 'Basic realm="x", bearer error="insufficient_scope", scope=write';
    assert.deepEqual(loginWanted(header), {
      scopes: ["write"],
      resourceMetadataUrl: undefined,
      insufficientScope: true,
    });
  });

  for (const header of [
    undefined,
    "",
    "Bearer",
    'Basic realm="Bearer"',
    'Bearer resource_metadata="file:///etc/passwd"',
  ])
    test(`without anything of use says nothing: ${header}`, () =>
      assert.deepEqual(loginWanted(header), {
        scopes: [],
        resourceMetadataUrl: undefined,
        insufficientScope: false,
      }));

  test("has only scopes that can be some", () =>
    assert.deepEqual(scopesOf(' files:read  "x" ü\u0001 b\\c https://a/b '), ["files:read", "https://a/b"]));
});
