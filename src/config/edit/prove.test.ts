/** The proof against texts that a broken plan could have made. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { TomlDocument } from "../../toml/document.ts";
import { fromPlain } from "../../toml/node.ts";
import { parseToml } from "../../toml/parse.ts";
import { proveEdit } from "./prove.ts";
import { withoutValue, withValue } from "../../toml/tree.ts";

const TEXT =
  '# top\nmodel = "m"\n\n# about a\n[mcp_servers.a]\ncommand = "x"\n\n# free\n\n[mcp_servers.b]\nurl = "u" # u\n';
const ENABLED = ["mcp_servers", "a", "enabled"];

function read(text: string): TomlDocument {
  const result = parseToml({ name: "f", text });
  assert.ok(result.ok);
  return result.document;
}

/** Proves that `text` is TEXT with server a disabled. */
function prove(text: string): TomlDocument {
  const before = read(TEXT);
  const wanted = withValue(before.root, ENABLED, fromPlain(false));
  return proveEdit(before, { name: "f", text }, wanted, [["mcp_servers", "a"]]);
}

const GOOD = TEXT.replace('"x"\n', '"x"\nenabled = false\n');

test("a text that means what was asked for, and keeps the lines of other owners, is proven", () => {
  assert.equal(prove(GOOD).source.text, GOOD);
  assert.ok(prove(GOOD.replace("command =", "command=").replace("# about a\n", "")));
  assert.ok(prove(`\n${GOOD.replace("\n\n", "\n")}\n`), "blank lines belong to nobody");
});

const DOCTORED: readonly (readonly [what: string, text: string, message: RegExp])[] = [
  ["not valid TOML", GOOD.replace("false", "fals"), /would not be valid TOML/],
  ["nothing changed", TEXT, /would not mean/],
  ["another value", GOOD.replace("false", "true"), /would not mean/],
  ["another server changed", GOOD.replace('"u"', '"v"'), /would not mean/],
  ["another type", GOOD.replace("false", '"false"'), /would not mean/],
  ["a key lost elsewhere", GOOD.replace('model = "m"\n', ""), /would not mean/],
  ["a comment of another server lost", GOOD.replace(" # u", ""), /lines of other owners/],
  ["a free comment lost", GOOD.replace("# free\n", ""), /lines of other owners/],
  ["a comment of the file lost", GOOD.replace("# top\n", ""), /lines of other owners/],
  [
    "a comment put elsewhere",
    GOOD.replace("# top\n", "").replace("# free", "# free\n# top"),
    /lines of other owners/,
  ],
  ["a comment made up", GOOD.replace("# free", "# free\n# new"), /lines of other owners/],
  ["another spelling", GOOD.replace('url = "u"', "url = 'u'"), /lines of other owners/],
  ["another indent", GOOD.replace("url", "  url"), /lines of other owners/],
  ["other line breaks", GOOD.replaceAll("\n", "\r\n"), /lines of other owners/],
  [
    "another order",
    `${GOOD.slice(GOOD.indexOf("[mcp_servers.b]"))}${GOOD.slice(0, GOOD.indexOf("[mcp_servers.b]"))}`,
    /./,
  ],
];

test("a text that a broken plan made is not proven", () => {
  for (const [what, text, message] of DOCTORED) {
    assert.throws(() => prove(text), { code: "unprovable_edit", message }, what);
  }
});

test("a comment may belong to nobody when the lines around it go", () => {
  const text = "[mcp_servers.a]\n\n# within a\n\n[mcp_servers.a.env]\nA = 'x'\n\n[tui]\n";
  const before = read(text);
  const wanted = withoutValue(before.root, ["mcp_servers", "a", "env"]);
  const after = "[mcp_servers.a]\n\n# within a\n\n[tui]\n";
  assert.ok(proveEdit(before, { name: "f", text: after }, wanted, [["mcp_servers", "a"]]));
});

test("the comments below a server may go with the server, not with a part of it, and directives with neither", () => {
  const text = "[mcp_servers.a]\nurl = 'u'\n[mcp_servers.a.env]\nA = 'x'\n# below\n# vim: ft=toml\n# [tui]\n";
  const before = read(text);
  const owners = [["mcp_servers", "a"]];
  const part = withoutValue(before.root, ["mcp_servers", "a", "env"]);
  const whole = withoutValue(before.root, ["mcp_servers", "a"]);
  const url = "[mcp_servers.a]\nurl = 'u'\n";
  assert.ok(proveEdit(before, { name: "f", text: `${url}# below\n# vim: ft=toml\n# [tui]\n` }, part, owners));
  assert.ok(proveEdit(before, { name: "f", text: "# vim: ft=toml\n# [tui]\n" }, whole, owners));
  const lost: readonly (readonly [text: string, wanted: typeof part])[] = [
    [`${url}# vim: ft=toml\n# [tui]\n`, part],
    [`${url}# below\n# [tui]\n`, part],
    [`${url}# below\n# vim: ft=toml\n`, part],
    ["# [tui]\n", whole],
    ["# vim: ft=toml\n", whole],
  ];
  for (const [after, wanted] of lost) {
    assert.throws(
      () => proveEdit(before, { name: "f", text: after }, wanted, owners),
      /lines of other owners/,
      after,
    );
  }
});

test("a server that is gone, and the table of all servers with it, is proven either way", () => {
  const before = read("[mcp_servers]\n[mcp_servers.a]\n");
  const wanted = withoutValue(before.root, ["mcp_servers", "a"]);
  const owners = [["mcp_servers", "a"]];
  assert.ok(proveEdit(before, { name: "f", text: "[mcp_servers]\n" }, wanted, owners));
  assert.throws(() => proveEdit(before, { name: "f", text: "" }, wanted, owners), /lines of other owners/);
});
