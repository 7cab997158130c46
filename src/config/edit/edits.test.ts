import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError } from "../problem.ts";
import { applyEdits } from "./apply-edits.ts";
import type { ConfigEdit } from "./edits.ts";

type Case = {
  readonly name: string;
  readonly edits: readonly ConfigEdit[];
} & (
  | { readonly before: string; readonly after: string }
  /** Its lines: a blank before those that stay, a minus and a plus before the old and the new ones. */
  | { readonly diff: readonly string[] }
);

/** The lines of a diff that one of its sides has. */
function side(diff: readonly string[], sign: "-" | "+"): string {
  const lines = diff.filter((line) => line.startsWith(" ") || line.startsWith(sign));
  return lines.map((line) => `${line.slice(1)}\n`).join("");
}

const CASES: readonly Case[] = [
  {
    name: "an inline table keeps its spacing and order",
    edits: [
      { kind: "set", name: "a", key: ["args"], value: ["2"] },
      { kind: "disable", name: "b" },
    ],
    diff: [
      " [mcp_servers]",
      '-a = {command="x",args = [ "1" ]} # a',
      '+a = {command="x",args = ["2"]} # a',
      '-b = { url = "u" }',
      '+b = { url = "u", enabled = false }',
    ],
  },
  {
    name: "a nested inline table of several lines keeps its comments",
    edits: [
      { kind: "set", name: "a", key: ["env", "C"], value: "3" },
      { kind: "unset", name: "a", key: ["env", "A"] },
    ],
    diff: [
      " [mcp_servers.a]",
      ' command = "x"',
      " env = {",
      '-  A = "1", # one',
      "   # about B",
      '   B = "2", # two',
      '+  C = "3",',
      " }",
    ],
  },
  {
    name: "dotted keys stay dotted",
    edits: [
      { kind: "set", name: "a", key: ["env", "B"], value: "2" },
      { kind: "set", name: "a", key: ["tools", "t"], value: { approval_mode: "auto" } },
      { kind: "add", name: "b", server: { command: "y" } },
    ],
    diff: [
      ' model = "m"',
      ' mcp_servers.a.command = "x" # c',
      ' mcp_servers.a.env.A = "1"',
      '+mcp_servers.a.env.B = "2"',
      '+mcp_servers.a.tools.t.approval_mode = "auto"',
      '+mcp_servers.b.command = "y"',
      " sandbox = 1",
    ],
  },
  {
    name: "a split server is changed where its pieces are",
    edits: [
      { kind: "set", name: "a", key: ["args"], value: ["1"] },
      { kind: "set", name: "a", key: ["env", "B"], value: "2" },
    ],
    diff: [
      " [mcp_servers.a.env]",
      ' A = "1"',
      '+B = "2"',
      " ",
      " [tui]",
      ' theme = "t"',
      " ",
      " [mcp_servers.a] # here",
      ' command = "x"',
      '+args = ["1"]',
    ],
  },
  {
    name: "a removed server takes its pieces and its comments, and leaves those of its neighbours",
    edits: [{ kind: "remove", name: "b" }],
    diff: [
      " # top",
      " ",
      " # about a",
      " [mcp_servers.a]",
      ' command = "x"',
      " # below a",
      " ",
      " # free",
      " ",
      "-# about b",
      "-[mcp_servers.b]",
      '-command = "y"',
      "-# inside b",
      "-",
      "-# between the pieces of b",
      "-[mcp_servers.b.env]",
      '-A = "1"',
      "-# below b",
      "-",
      " # about the screen",
      " [tui]",
      ' theme = "t"',
      "-",
      "-[mcp_servers.b.tools.t]",
      '-approval_mode = "auto"',
    ],
  },
  {
    name: "an array of tables is replaced as a whole",
    edits: [{ kind: "set", name: "a", key: ["env_vars"], value: ["C"] }],
    diff: [
      " [mcp_servers.a]",
      ' command = "x"',
      '+env_vars = ["C"]',
      "-",
      "-[[mcp_servers.a.env_vars]]",
      '-name = "A"',
      "-",
      "-[[mcp_servers.a.env_vars]]",
      '-name = "B"',
      " ",
      " [tui]",
    ],
  },
  {
    name: "an explicit header of all servers stays",
    edits: [
      { kind: "remove", name: "a" },
      { kind: "add", name: "b", server: { command: "y", enabled_tools: [] } },
    ],
    diff: [
      " # servers",
      " [mcp_servers]",
      " ",
      "-[mcp_servers.a]",
      "+[mcp_servers.b]",
      '-command = "x"',
      '+command = "y"',
      "+enabled_tools = []",
    ],
  },
  {
    name: "tabs are kept for new keys",
    edits: [{ kind: "disable", name: "a" }],
    diff: [" [mcp_servers.a]", ' 	command = "x"', " \tenabled_tools = []", "+\tenabled = false"],
  },
  {
    name: "a file without a line break at its end stays one",
    before: ["[mcp_servers.a]\n", 'command = "x"'].join(""),
    edits: [
      { kind: "add", name: "b", server: { command: "y" } },
      { kind: "set", name: "a", key: ["args"], value: [] },
    ],
    after: [
      "[mcp_servers.a]\n",
      'command = "x"\n',
      "args = []\n",
      "\n",
      "[mcp_servers.b]\n",
      'command = "y"',
    ].join(""),
  },
  {
    name: "a byte order mark and CRLF stay",
    before: [
      '\ufeffmodel = "m"\r\n',
      "\r\n",
      "[mcp_servers.a]\r\n",
      'command = "x"\r\n',
      "\r\n",
      "[tui]\r\n",
    ].join(""),
    edits: [
      { kind: "add", name: "b", server: { command: "y", env: { A: "1" } } },
      { kind: "disable", name: "a" },
    ],
    after: [
      '\ufeffmodel = "m"\r\n',
      "\r\n",
      "[mcp_servers.a]\r\n",
      'command = "x"\r\n',
      "enabled = false\r\n",
      "\r\n",
      "[mcp_servers.b]\r\n",
      'command = "y"\r\n',
      "\r\n",
      "[mcp_servers.b.env]\r\n",
      'A = "1"\r\n',
      "\r\n",
      "[tui]\r\n",
    ].join(""),
  },
  {
    name: "lines of a string that look like comments or headers are neither",
    edits: [
      { kind: "remove", name: "b" },
      { kind: "set", name: "a", key: ["args"], value: ["1"] },
    ],
    diff: [
      " [mcp_servers.a]",
      ' command = """',
      " # no comment",
      " [mcp_servers.b]",
      ' """',
      '+args = ["1"]',
      "-[mcp_servers.b]",
      '-command = "y"',
    ],
  },
  {
    name: "quoted names are found, and renamed where they are spelled",
    edits: [{ kind: "rename", name: "a b", to: "c.d" }],
    diff: [
      "-[mcp_servers.'a b']",
      '+[mcp_servers."c.d"]',
      ' command = "x"',
      " ",
      '-["mcp_servers" . "a b" . env] # e',
      '+["mcp_servers" . "c.d" . env] # e',
      ' A = "1"',
    ],
  },
  {
    name: "a server in one inline table of all is renamed, removed and added in it",
    edits: [
      { kind: "rename", name: "b", to: "c" },
      { kind: "remove", name: "a" },
      { kind: "add", name: "d", server: { command: "y" } },
    ],
    diff: [
      '-mcp_servers = { a = { command = "x" }, b = { url = "u" } } # all',
      '+mcp_servers = { c = { url = "u" }, d = { command = "y" } } # all',
    ],
  },
  {
    name: "numbers and strings that do not change keep their spelling in a replaced server",
    edits: [
      {
        kind: "replace",
        name: "a",
        server: { command: "x", startup_timeout_sec: 20, tool_timeout_sec: 10.5, required: true },
      },
    ],
    diff: [
      " [mcp_servers.a]",
      " command = 'x'",
      " startup_timeout_sec = 0x14",
      " tool_timeout_sec = 1_0.5",
      "-unknown = 1 # gone",
      "+required = true",
    ],
  },
  {
    name: "a tool is approved in a section of its own",
    edits: [{ kind: "approve", name: "a", tool: "read file", mode: "approve" }],
    diff: [
      " [mcp_servers.a]",
      ' command = "x"',
      " ",
      '+[mcp_servers.a.tools."read file"]',
      '+approval_mode = "approve"',
      "+",
      " # screen",
      " [tui]",
    ],
  },
  {
    name: "a table that loses its last key stays, empty",
    edits: [
      { kind: "unset", name: "a", key: ["env", "A"] },
      { kind: "unset", name: "a", key: ["tools", "t"] },
    ],
    diff: [
      " [mcp_servers.a]",
      ' command = "x"',
      '-env.A = "1" # a',
      "+env = {} # a",
      " ",
      "-[mcp_servers.a.tools.t]",
      "+[mcp_servers.a.tools]",
      '-approval_mode = "auto"',
    ],
  },
  {
    name: "replace_all puts new servers where the old ones stood",
    edits: [{ kind: "replace_all", servers: { c: { command: "z" }, b: { url: "u" } } }],
    diff: [
      ' model = "m"',
      "-",
      "-[mcp_servers.a]",
      '-command = "x"',
      " ",
      " # b stays",
      " [mcp_servers.b]",
      ' url = "u" # same',
      " ",
      "+[mcp_servers.c]",
      '+command = "z"',
      "+",
      " [tui]",
    ],
  },
  {
    name: "a folder is trusted, and no longer",
    edits: [
      { kind: "trust", folder: "/new", level: "trusted" },
      { kind: "trust", folder: "/old", level: undefined },
    ],
    diff: [
      " [mcp_servers.a]",
      ' command = "x"',
      " ",
      '-[projects."/old"]',
      '+[projects."/new"]',
      ' trust_level = "trusted"',
    ],
  },
  {
    name: "the first server of an empty file has no blank line above it",
    edits: [{ kind: "add", name: "a", server: { command: "x" } }],
    diff: ["+[mcp_servers.a]", '+command = "x"'],
  },
  {
    name: "a new server stands before the comments at the end of a file only where they are the last server's",
    edits: [{ kind: "add", name: "b", server: { command: "y" } }],
    diff: [
      " [mcp_servers.a]",
      ' command = "x"',
      " ",
      "+[mcp_servers.b]",
      '+command = "y"',
      "+",
      " # the end",
    ],
  },
  {
    name: "a key that goes takes no comments below it, a section only those right above its header",
    edits: [
      { kind: "unset", name: "a", key: ["args"] },
      { kind: "unset", name: "a", key: ["env"] },
    ],
    diff: [
      " [mcp_servers.a]",
      ' command = "x"',
      '-args = ["1"] # gone',
      " # below args",
      " ",
      "-# about env",
      "-[mcp_servers.a.env]",
      "-# about A",
      '-A = "1"',
      " # below env",
      " # [mcp_servers.off]",
      ' # command = "off"',
    ],
  },
  {
    name: "a replaced server keeps a commented-out one and the mode line below it",
    before: [
      "[mcp_servers.a]\n",
      'command = "x"\n',
      "[mcp_servers.a.env]\n",
      'A = "1"\n',
      "# [mcp_servers.off]\n",
      '# command = "off"\n',
      "# vim: set ft=toml :",
    ].join(""),
    edits: [{ kind: "replace", name: "a", server: { command: "y" } }],
    after: [
      "[mcp_servers.a]\n",
      'command = "y"\n',
      "# [mcp_servers.off]\n",
      '# command = "off"\n',
      "# vim: set ft=toml :",
    ].join(""),
  },
  {
    name: "a removed server leaves the directives of the file and a commented-out server",
    edits: [{ kind: "remove", name: "a" }],
    diff: [
      " #:schema https://example.com/config.json",
      "-# about a",
      "-[mcp_servers.a]",
      '-command = "x"',
      "-# below a",
      " # [mcp_servers.off]",
      ' # command = "off"',
      "-",
      "-# about env",
      "-[mcp_servers.a.env]",
      '-A = "1"',
      " # vim: set ft=toml :",
    ],
  },
  {
    name: "a folder that is no longer trusted leaves the mode line",
    edits: [{ kind: "trust", folder: "/x", level: undefined }],
    diff: ['-[projects."/x"]', '-trust_level = "trusted"', " # vim: set ft=toml :"],
  },
  {
    name: "a new server stands behind a commented-out one and before the mode line",
    edits: [{ kind: "add", name: "b", server: { command: "y" } }],
    diff: [
      " [mcp_servers.a]",
      ' command = "x"',
      " # [mcp_servers.off]",
      ' # command = "off"',
      "+",
      "+[mcp_servers.b]",
      '+command = "y"',
      " # vim: set ft=toml :",
    ],
  },
  {
    name: "new lines end as the lines above them, in a file that mixes line breaks",
    before: [
      "[tui]\n",
      "[mcp_servers.a]\r\n",
      'command = "x"\r\n',
      "[mcp_servers.c]\n",
      'command = "x"',
    ].join(""),
    edits: [
      { kind: "set", name: "a", key: ["cwd"], value: "/w" },
      { kind: "set", name: "a", key: ["env", "A"], value: "1" },
      { kind: "add", name: "b", server: { command: "y" } },
    ],
    after: [
      "[tui]\n",
      "[mcp_servers.a]\r\n",
      'command = "x"\r\n',
      'cwd = "/w"\r\n',
      "[mcp_servers.a.env]\r\n",
      'A = "1"\r\n',
      "[mcp_servers.c]\n",
      'command = "x"\n',
      "\n",
      "[mcp_servers.b]\n",
      'command = "y"',
    ].join(""),
  },
];

function edited(text: string, ...edits: ConfigEdit[]): string {
  return applyEdits({ name: "config.toml", text }, edits);
}

for (const { name, edits, ...texts } of CASES) {
  test(name, () => {
    const [before, after] =
      "diff" in texts ? [side(texts.diff, "-"), side(texts.diff, "+")] : [texts.before, texts.after];
    assert.equal(edited(before, ...edits), after);
  });
}

const A = '[mcp_servers.a]\ncommand = "x"\n';

const REFUSED: readonly (readonly [text: string, edit: ConfigEdit, message: string])[] = [
  [A, { kind: "add", name: "a", server: {} }, 'MCP server "a" is already in config.toml'],
  [A, { kind: "remove", name: "ab" }, 'There is no MCP server "ab" in config.toml; did you mean "a"?'],
  [
    "",
    { kind: "enable", name: "a" },
    'There is no MCP server "a" in config.toml; there are no servers at all',
  ],
  [A, { kind: "rename", name: "zzz", to: "b" }, 'There is no MCP server "zzz" in config.toml; there are "a"'],
  [`${A}[mcp_servers.b]`, { kind: "rename", name: "a", to: "b" }, 'MCP server "b" is already in config.toml'],
  [
    A,
    { kind: "set", name: "a", key: ["command", "x"], value: 1 },
    "Cannot set mcp_servers.a.command.x: mcp_servers.a.command is not a table in config.toml",
  ],
  [
    "[[mcp_servers.a.env_vars]]\nname = 'A'\n",
    { kind: "set", name: "a", key: ["env_vars", "name"], value: "B" },
    "Cannot set mcp_servers.a.env_vars.name: mcp_servers.a.env_vars is not a table in config.toml",
  ],
  [
    A,
    { kind: "set", name: "a", key: ["env"], value: { A: null } },
    "Cannot set mcp_servers.a.env: A is null, which TOML cannot say",
  ],
  [A, { kind: "set", name: "a", key: [], value: "x" }, "Cannot set a key of mcp_servers.a: no key is given"],
  [
    A,
    { kind: "rename", name: "a", to: "\ud800" },
    'mcp_servers.a."\ufffd" is not valid text: it has half a character',
  ],
  [
    A,
    { kind: "set", name: "a", key: Array.from({ length: 77 }, () => "k"), value: [[]] },
    `Cannot set mcp_servers.a${".k".repeat(77)}: more than 80 levels deep`,
  ],
  ["mcp_servers = 1", { kind: "add", name: "a", server: {} }, "config.toml: mcp_servers is not a table"],
];

test("an edit that cannot be made in the text is rejected with the reason", () => {
  for (const [text, edit, message] of REFUSED) {
    assert.throws(() => edited(text, edit), { code: "invalid_edit", message }, JSON.stringify(edit));
  }
});

test("a value that only looks like a table is rejected, alone and inside another", () => {
  class Secrets {
    token = "x";
  }
  const odd: readonly (readonly [value: unknown, name: string])[] = [
    [new Date(0), "a Date"],
    [new Set(["x"]), "a Set"],
    [new Secrets(), "a Secrets"],
    [/x/, "a RegExp"],
    [new Uint8Array(1), "a Uint8Array"],
    [Promise.resolve({}), "a Promise"],
  ];
  for (const [value, name] of odd) {
    const message = `Cannot set mcp_servers.a.env: The value is ${name}, which TOML cannot say`;
    assert.throws(() => edited(A, { kind: "set", name: "a", key: ["env"], value }), {
      code: "invalid_edit",
      message,
    });
    assert.throws(() => edited(A, { kind: "set", name: "a", key: ["env"], value: { A: [value] } }), {
      code: "invalid_edit",
      message: message.replace("The value", "A.0"),
    });
  }
  for (const value of [new Map([["A", "1"]]), Object.assign(Object.create(null) as object, { A: "1" })]) {
    assert.equal(
      edited(A, { kind: "set", name: "a", key: ["env"], value }),
      `${A}\n[mcp_servers.a.env]\nA = "1"\n`,
    );
  }
});

test("a text that is not valid TOML is rejected with the place", () => {
  assert.throws(
    () => edited("[a", { kind: "trust", folder: "/w", level: "trusted" }),
    (error) => error instanceof ConfigError && error.code === "invalid_config" && error.problems.length === 1,
  );
});

test("a batch counts as a whole, and each edit sees what those before it did (P1)", () => {
  const add: ConfigEdit = { kind: "add", name: "b", server: { command: "y" } };
  assert.equal(edited(A, add, { kind: "remove", name: "b" }), A);
  assert.throws(() => edited(A, add, { kind: "remove", name: "nope" }), { code: "invalid_edit" });
});

test("an open last line stays open, as far as its line break is not another line's", () => {
  const remove: ConfigEdit = { kind: "remove", name: "a" };
  assert.equal(edited('\ufeff[mcp_servers.a]\ncommand = "x"', remove), "\ufeff");
  assert.equal(edited('# free\r\n\r\n[mcp_servers.a]\r\ncommand = "x"', remove), "# free");
  assert.equal(edited('# free\r\n\n[mcp_servers.a]\ncommand = "x"', remove), "# free\r\n");
});

test("what is so already changes no byte", () => {
  const same: readonly ConfigEdit[] = [
    { kind: "enable", name: "a" },
    { kind: "replace", name: "a", server: { command: "x" } },
    { kind: "rename", name: "a", to: "a" },
    { kind: "unset", name: "a", key: ["env", "A"] },
    { kind: "replace_all", servers: { a: { command: "x" } } },
    { kind: "trust", folder: "/w", level: undefined },
  ];
  for (const edit of same) assert.equal(edited(A, edit), A, edit.kind);
});

test("text with odd line separators is put into one line, whatever the indent", () => {
  const before = '[mcp_servers.a]\n\tcommand = "x"\n';
  const value = "one\u2028two\u0085three\nfour";
  const after = edited(before, { kind: "set", name: "a", key: ["cwd"], value });
  assert.equal(after, `${before}\tcwd = "one\u2028two\u0085three\\nfour"\n`);
});
