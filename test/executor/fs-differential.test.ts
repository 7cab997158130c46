/**
 * The methods `fs/*` of `FsMethods` against those of the real `codex exec-server` 0.169: the same requests, in two
 * folders alike, must be answered alike and leave the folders alike.
 *
 * `src/executor/server/fs/methods.test.ts` has where we differ on purpose.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { FsMethods } from "../../src/executor/server/fs/methods.ts";
import { toFileUri } from "../../src/executor/wire/file-uri.ts";
import { type Answer, comparable, OwnSide, type Side, startRealSide } from "./support/exec-server-peer.ts";

type Params = Readonly<Record<string, unknown>>;
/** Paths in it are relative to the folder of the side that is asked. */
type Request = readonly [method: string, params: Params];

const PATHS = ["path", "sourcePath", "destinationPath"];

/** A folder with one of everything. */
function makeFolder(): string {
  const root = mkdtempSync(join(tmpdir(), "switchyard-fs-"));
  const at = (path: string): string => join(root, path);
  for (const folder of ["d/e/.hidden", "d/empty", "other", "merge/e", "w/a/c/d", "w/b/.hid"]) {
    mkdirSync(at(folder), { recursive: true });
  }
  chmodSync(at("d/empty"), 0o700);
  for (const [path, text] of [
    ["f", "hello"],
    ["g", "other content"],
    ["d/e/x", "x"],
    ["d/e/.hidden/y", "y"],
    ["merge/e/x", "old"],
    ["merge/e/z", "stays"],
    ["w/B", ""],
    ["w/a/y", ""],
    ["w/b/.hid/x", ""],
    ["w/z", ""],
    ["w/é", ""],
    ["a %?#&b", "odd"],
  ] as const) {
    writeFileSync(at(path), text);
  }
  chmodSync(at("f"), 0o751);
  for (const [path, target] of [
    ["ln", "f"],
    ["lnd", "d"],
    ["dang", "nowhere"],
    ["loop", "loop"],
    ["d/in", "e"],
    ["d/out", "../f"],
    ["d/dang", "nowhere"],
    ["w/lnb", "b"],
    ["w/lnz", "z"],
    ["w/dang", "q"],
    ["w/self", "self"],
    ["w/a/up", ".."],
  ] as const) {
    symlinkSync(target, at(path));
  }
  for (const path of ["fifo", "d/fifo", "w/fifo"]) execFileSync("mkfifo", [at(path)]);
  return root;
}

/** Links are not followed: Node's own recursive listing would go round and round in `w/a/up`. */
function namesBelow(root: string, below = ""): string[] {
  return readdirSync(join(root, below), { withFileTypes: true }).flatMap((entry) => {
    const name = join(below, entry.name);
    return entry.isDirectory() ? [name, ...namesBelow(root, name)] : [name];
  });
}

/** The entries of a folder: names, kinds, modes and contents. */
function describeFolder(root: string): unknown {
  return namesBelow(root)
    .toSorted()
    .map((name) => {
      const path = join(root, name);
      const found = lstatSync(path);
      if (found.isSymbolicLink()) return [name, "->", readlinkSync(path)];
      return [name, found.mode.toString(8), found.isFile() ? readFileSync(path, "utf8") : ""];
    });
}

function inFolder(root: string, params: Params): Params {
  const entries = Object.entries(params).map(([name, value]) => {
    if (!PATHS.includes(name) || typeof value !== "string" || value.includes(":")) return [name, value];
    return [
      name,
      value.startsWith("%") ? `${toFileUri(root)}/${value.slice(1)}` : toFileUri(join(root, value)),
    ];
  });
  return Object.fromEntries(entries);
}

const walkOptions = {
  maxDepth: 5,
  maxDirectories: 100,
  maxEntries: 100,
  followDirectorySymlinks: false,
  pruneHiddenDirectories: false,
};
const walk = (path: string, options: Params = {}): Request => [
  "fs/walk",
  { path, options: { ...walkOptions, ...options } },
];
const copy = (sourcePath: string, destinationPath: string, recursive = true): Request => [
  "fs/copy",
  { sourcePath, destinationPath, recursive },
];
const base64 = (text: string | Buffer): string => Buffer.from(text).toString("base64");

suite("FsMethods answers as codex exec-server does", () => {
  let real: Side;
  before(async () => {
    real = await startRealSide();
  });
  after(async () => {
    await real[Symbol.asyncDispose]();
  });

  /** Sends the requests to both sides; every answer and the remaining files must be the same. */
  function same(name: string, requests: readonly Request[]): void {
    test(name, async () => {
      await using own = new OwnSide(
        new FsMethods({ mayRead: () => true, mayWrite: () => true, mayRemove: () => true }),
      );
      const folders = { real: makeFolder(), own: makeFolder() };
      try {
        for (const request of requests) {
          const [expected, actual] = await Promise.all([
            answerOf(real, folders.real, request),
            answerOf(own, folders.own, request),
          ]);
          assert.deepEqual(actual, expected, JSON.stringify(request).slice(0, 300));
        }
        assert.deepEqual(describeFolder(folders.own), describeFolder(folders.real), "what is left");
      } finally {
        for (const folder of Object.values(folders)) rmSync(folder, { recursive: true });
      }
    });
  }

  const everywhere = [
    "f",
    "d",
    "ln",
    "lnd",
    "dang",
    "loop",
    "fifo",
    "zz",
    "f/zz",
    "dang/zz",
    "a %?#&b",
    "n".repeat(300),
  ];
  for (const method of ["fs/getMetadata", "fs/readFile", "fs/readDirectory", "fs/canonicalize"]) {
    same(
      `${method} of everything there is`,
      everywhere.map((path) => [method, { path }]),
    );
  }
  same("paths written in odd ways", [
    ["fs/readFile", { path: "%f/" }],
    ["fs/readFile", { path: "%/d//e/x" }],
    ["fs/readFile", { path: "%d/./e/../../f" }],
    ["fs/readFile", { path: "%zz%2F..%2Ff" }],
    ["fs/readFile", { path: "%d%2Fe%2Fx" }],
    ["fs/readFile", { path: "%lnd/../f" }],
    ["fs/getMetadata", { path: "file:///dev/null" }],
    ["fs/readFile", { path: "file:///dev/null" }],
    ["fs/readFile", { path: "file:///etc/hostname" }],
    ["fs/readFile", { path: "file:///proc/sys/kernel/ostype" }],
    ["fs/getMetadata", { path: "file://elsewhere/f" }],
    ["fs/getMetadata", { path: "file:///C:/f" }],
    ["fs/getMetadata", { path: "http://elsewhere/f" }],
  ]);

  same("fs/writeFile", [
    ...["new", "f", "ln", "d", "lnd", "dang", "loop", "zz/w", "f/w", "lnd/w"].map(
      (path): Request => ["fs/writeFile", { path, dataBase64: base64(`written to ${path}`) }],
    ),
    ["fs/writeFile", { path: "%new/", dataBase64: base64("again") }],
    ["fs/writeFile", { path: "g", dataBase64: "" }],
    ["fs/writeFile", { path: "g", dataBase64: "***" }],
    ["fs/writeFile", { path: "g", dataBase64: "YQ" }],
    ["fs/writeFile", { path: "g", dataBase64: "YR==" }],
    ["fs/writeFile", { path: "big", dataBase64: base64(Buffer.alloc(3_000_000, 97)) }],
    ["fs/readFile", { path: "big" }],
  ]);

  same(
    "fs/createDirectory",
    ["new", "d", "f", "ln", "lnd", "dang", "f/x", "ln/x", "lnd/x", "dang/x", "n1/n2/n3"].flatMap((path) => [
      ["fs/createDirectory", { path, recursive: false }],
      ["fs/createDirectory", { path }],
      ["fs/createDirectory", { path, recursive: null }],
    ]),
  );

  same("fs/remove", [
    ...["zz", "zz/y", "f/zz", "d", "f", "dang", "loop", "fifo"].flatMap((path): Request[] => [
      ["fs/remove", { path, recursive: false, force: false }],
      ["fs/remove", { path, recursive: false }],
    ]),
    ["fs/remove", { path: "d/empty", recursive: false }],
    ["fs/remove", { path: "%lnd/" }],
    ["fs/remove", { path: "d" }],
    ["fs/remove", { path: "w" }],
  ]);

  same("fs/copy of files", [
    copy("f", "f2", false),
    copy("f", "g"),
    copy("f", "d"),
    copy("f", "lnd"),
    copy("f", "dang"),
    copy("f", "loop"),
    copy("f", "zz/f"),
    copy("f", "f/x"),
    copy("zz", "q"),
    copy("f/zz", "q"),
    copy("fifo", "q"),
    ["fs/copy", { sourcePath: "file:///dev/null", destinationPath: "q", recursive: false }],
  ]);
  same("fs/copy of links", [
    copy("ln", "ln2"),
    copy("ln", "g"),
    copy("ln", "d"),
    copy("dang", "dang2"),
    copy("loop", "loop2"),
    copy("lnd", "lnd2", false),
  ]);
  same("fs/copy of folders", [
    copy("d", "d2", false),
    copy("d", "d2"),
    copy("d/e", "new/deep/er"),
    copy("d/e", "merge/e"),
    copy("d", "d"),
    copy("d", "d/sub"),
    copy("d", "lnd/sub"),
    copy("d", "lnd"),
    copy("d/e", "f"),
    copy("d/e", "f/x"),
    copy("d/e", "dang"),
    copy("d/e", "lnd/copy"),
    copy("w/a", "w2"),
    copy("d/e", "d/e2"),
  ]);

  same("fs/walk", [
    walk("w"),
    walk("w", { followDirectorySymlinks: true }),
    walk("w", { pruneHiddenDirectories: true }),
    walk("w", { maxDepth: 0 }),
    walk("w", { maxDepth: 1 }),
    ...[1, 2, 3, 4, 5, 6, 7, 8, 9, 20].map((maxEntries) => walk("w", { maxEntries })),
    ...[1, 2, 3, 4, 5, 6].map((maxDirectories) =>
      walk("w", { maxDirectories, followDirectorySymlinks: true }),
    ),
    ...["f", "zz", "lnd", "ln", "f/x", "loop", "dang", "fifo"].map((path) => walk(path)),
    ...["f", "lnd", "ln", "d"].map((path) => walk(path, { followDirectorySymlinks: true })),
    walk("w", { maxEntries: 0 }),
    walk("w", { maxDirectories: 0 }),
    walk("w", { maxDepth: 64 }),
    walk("w", { maxDepth: 65 }),
    walk("w", { maxDirectories: 10_001 }),
    walk("w", { maxEntries: 50_001 }),
    ["fs/walk", { path: "w", options: { ...walkOptions, pruneHiddenDirectories: undefined } }],
  ]);

  same(
    "links that must not be followed",
    ["f", "ln", "lnd", "dang", "lnd/e/x", "zz", "lnd/new", "d/e/x"].flatMap((path) => [
      ["fs/getMetadata", { path, followSymlinks: false }],
      ["fs/getMetadata", { path, followSymlinks: null }],
      ["fs/readFile", { path, followSymlinks: false }],
      ["fs/writeFile", { path, dataBase64: base64("plain"), followSymlinks: false }],
      ["fs/createDirectory", { path, followSymlinks: false }],
      ["fs/remove", { path, recursive: false, followSymlinks: false }],
    ]),
  );

  const read = (offset: number, len: number, handleId = "r"): Request => [
    "fs/readBlock",
    { handleId, offset, len },
  ];
  const write = (offset: number, chunk: string, handleId = "w"): Request => [
    "fs/writeBlock",
    { handleId, offset, chunk: base64(chunk) },
  ];
  const open = (handleId: string, path: string, mode?: string): Request => [
    "fs/open",
    mode === undefined ? { handleId, path } : { handleId, path, mode },
  ];
  same("files held open for reading", [
    open("r", "f"),
    open("r", "f"),
    open("r", "zz"),
    read(0, 3),
    read(3, 100),
    read(0, 5),
    read(5, 1),
    read(100, 5),
    read(2 ** 53, 5),
    read(0, 0),
    read(0, 1_048_576),
    read(0, 1_048_577),
    write(0, "x", "r"),
    read(0, 2),
    read(2 ** 63, 5),
    read(0, 2),
    ["fs/close", { handleId: "r" }],
    ["fs/close", { handleId: "r" }],
    read(0, 1),
    ...["d", "zz", "loop", "dang", "fifo", "f/x"].map((path) => open(path, path)),
    ["fs/open", { handleId: "null", path: "file:///dev/null" }],
    open("", "ln"),
    read(1, 2, ""),
    ["fs/close", { handleId: "" }],
    open("i".repeat(32), "f"),
    open("i".repeat(33), "f"),
    open("é".repeat(17), "f"),
    read(0, 1, "i".repeat(33)),
    ["fs/close", { handleId: "i".repeat(33) }],
    ["fs/close", { handleId: "i".repeat(32) }],
  ]);
  same("files held open for writing", [
    open("w", "new", "replace"),
    write(0, "abc"),
    write(10, "xyz"),
    write(1, "B"),
    write(0, ""),
    ["fs/writeBlock", { handleId: "w", offset: 4, chunk: base64(Buffer.alloc(1_048_576, 98)) }],
    ["fs/writeBlock", { handleId: "w", offset: 4, chunk: base64(Buffer.alloc(1_048_577, 98)) }],
    write(2 ** 63, "q"),
    write(2, "zz"),
    read(0, 1, "w"),
    write(0, "gone"),
    open("f", "f", "replace"),
    open("ln", "ln", "replace"),
    open("dang", "dang", "replace"),
    ...["d", "zz/x", "loop", "f/x"].map((path) => open(path, path, "replace")),
    ...["f", "ln", "dang"].map((handleId): Request => ["fs/close", { handleId }]),
  ]);
  same("at most 128 files held open", [
    ...Array.from({ length: 130 }, (_, at) => open(`h${at}`, "f")),
    open("h0", "f"),
    open("new", "new", "replace"),
    open("missing", "zz"),
    ...Array.from({ length: 130 }, (_, at): Request => ["fs/close", { handleId: `h${at}` }]),
  ]);

  const profile = (permissions: unknown): Params => ({
    path: "f",
    sandbox: { permissions, windowsSandboxLevel: "disabled" },
  });
  same("a sandbox that lets everything pass", [
    ["fs/readFile", profile({ type: "disabled" })],
    ["fs/readFile", profile({ type: "external", network: "restricted" })],
    ["fs/readFile", profile({ type: "managed", file_system: { type: "unrestricted" }, network: "enabled" })],
  ]);
});

async function answerOf(side: Side, root: string, [method, params]: Request): Promise<unknown> {
  const answer = await side.ask(method, inFolder(root, params));
  return JSON.parse(JSON.stringify(normalize(answer)).replaceAll(root, "$ROOT"));
}

/** Without the parts that differ between folders, or between two readings of a folder. */
function normalize(answer: Answer): Answer {
  if ("error" in answer) return comparable(answer);
  const { createdAtMs, modifiedAtMs, entries, ...more } = answer.result as Record<string, any>;
  const isListing = Array.isArray(entries) && entries.every((entry) => "fileName" in entry);
  return {
    result: {
      ...more,
      ...(modifiedAtMs === undefined ? {} : { modifiedAtMs: modifiedAtMs > 1e12 }),
      ...(createdAtMs === undefined ? {} : { createdAtMs: typeof createdAtMs }),
      ...(entries === undefined
        ? {}
        : { entries: isListing ? entries.toSorted((a, b) => (a.fileName < b.fileName ? -1 : 1)) : entries }),
    },
  };
}
