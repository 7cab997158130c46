/** What is asked over the wire is compared with the original in `test/executor/fs-differential.test.ts`; here is the rest. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test } from "node:test";
import { RpcError } from "../../../jsonrpc/index.ts";
import { toFileUri } from "../../wire/file-uri.ts";
import { FILE_BYTES_MAX } from "./files.ts";
import { FsMethods, type FsMethodsOptions } from "./methods.ts";
import type { MethodContext } from "../method.ts";

const base64 = (text: string | Buffer): string => Buffer.from(text).toString("base64");
const text = (of: string): string => Buffer.from(of, "base64").toString();

/** A folder, the methods, and a client whose willingness to take more is the test's. */
class Desk implements AsyncDisposable {
  readonly root: string = realpathSync(mkdtempSync(join(tmpdir(), "switchyard-fs-")));
  readonly family: FsMethods;
  readonly gone = new AbortController();
  room: () => Promise<void> = () => Promise.resolve();

  /** @param inside what may be touched, in the folder. @default all of it, and everything else */
  constructor(inside?: string, options: Partial<FsMethodsOptions> = {}) {
    const allows = (path: string): boolean => {
      const fence = join(this.root, inside ?? "");
      return inside === undefined || path === fence || path.startsWith(`${fence}/`);
    };
    this.family = new FsMethods({ mayRead: allows, mayWrite: allows, mayRemove: () => true, ...options });
  }

  at(path: string): string {
    return join(this.root, path);
  }

  uri(path: string): string {
    return toFileUri(this.at(path));
  }

  /** @param path in the folder */
  ask(method: string, path: string, params: object = {}): Promise<any> {
    return this.send(method, { path: this.uri(path), ...params });
  }

  async send(method: string, params: object): Promise<any> {
    const context: MethodContext = {
      signal: this.gone.signal,
      notify: () => assert.fail("there are no notifications"),
      room: () => this.room(),
      checkReady: () => {},
    };
    return this.family.methods[method]?.(params, context);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.gone.abort(new Error("gone"));
    await this.family[Symbol.asyncDispose]();
    rmSync(this.root, { recursive: true });
  }
}

function refused(code: number, message: RegExp) {
  return (error: unknown): boolean => {
    assert.ok(error instanceof RpcError, String(error));
    assert.match(error.message, message);
    assert.equal(error.code, code);
    return true;
  };
}

const walkOptions = {
  maxDepth: 10,
  maxDirectories: 1000,
  maxEntries: 10_000,
  followDirectorySymlinks: true,
  pruneHiddenDirectories: false,
};

suite("FsMethods within a fence (M1)", () => {
  const outside = refused(
    -32603,
    /^path `.*` is outside of what this executor lets its clients (?:read|write)$/,
  );

  function desk(): Desk {
    const made = new Desk("in");
    mkdirSync(made.at("in/d"), { recursive: true });
    mkdirSync(made.at("out/d"), { recursive: true });
    writeFileSync(made.at("in/f"), "inside");
    writeFileSync(made.at("out/f"), "outside");
    symlinkSync("../out/f", made.at("in/link"));
    symlinkSync("../out/d", made.at("in/folder"));
    symlinkSync("../out/new", made.at("in/dangling"));
    symlinkSync("f", made.at("in/fine"));
    return made;
  }

  test("rejects paths outside, by every way (F1, F2)", async () => {
    await using made = desk();
    const ways = [
      "out/f",
      "out/new",
      "out/d",
      "in/link",
      "in/folder",
      "in/folder/new",
      "in/dangling",
      "in/../out/f",
    ];
    for (const path of ways) {
      for (const method of ["getMetadata", "readFile", "readDirectory", "canonicalize"]) {
        await assert.rejects(made.ask(`fs/${method}`, path), outside, `${method} ${path}`);
      }
      await assert.rejects(made.ask("fs/walk", path, { options: walkOptions }), outside, path);
      await assert.rejects(made.ask("fs/writeFile", path, { dataBase64: base64("x") }), outside, path);
      await assert.rejects(made.ask("fs/open", path, { handleId: "r" }), outside, path);
      await assert.rejects(made.ask("fs/open", path, { handleId: "w", mode: "replace" }), outside, path);
      await assert.rejects(copy(made, "in/f", path), outside, path);
    }
    for (const path of ["out/n", "in/folder/n", "in/folder/n/m", "in/../out/n"]) {
      await assert.rejects(made.ask("fs/createDirectory", path), outside, path);
      await assert.rejects(made.ask("fs/createDirectory", path, { recursive: false }), outside, path);
    }
    for (const path of ["out/f", "in/folder/n", "in/folder/../../out/d"]) {
      await assert.rejects(made.ask("fs/remove", path), outside, path);
      await assert.rejects(copy(made, path, "in/copy"), outside, path);
    }
    assert.deepEqual(
      new Set(readdirSync(made.at("out"), { recursive: true, encoding: "utf8" })),
      new Set(["d", "f"]),
    );
    assert.equal(readFileSync(made.at("out/f"), "utf8"), "outside");
  });

  test("works inside, also through links that stay inside", async () => {
    await using made = desk();
    assert.equal(text((await made.ask("fs/readFile", "in/fine")).dataBase64), "inside");
    await made.ask("fs/writeFile", "in/fine", { dataBase64: base64("new") });
    assert.equal(readFileSync(made.at("in/f"), "utf8"), "new");
    await made.ask("fs/createDirectory", "in/a/b/c");
    await copy(made, "in/d", "in/a/d");
    assert.ok(existsSync(made.at("in/a/b/c")));
    assert.ok(existsSync(made.at("in/a/d")));
  });

  test("removes and copies a link that leads outside, but not its target", async () => {
    await using made = desk();
    await copy(made, "in/folder", "in/folder2");
    assert.equal(readlinkSync(made.at("in/folder2")), "../out/d");
    await made.ask("fs/remove", "in/folder");
    assert.ok(!existsSync(made.at("in/folder")));
    assert.ok(existsSync(made.at("out/d")));
  });

  test("copies nothing through a link in the target", async () => {
    await using made = desk();
    mkdirSync(made.at("in/tree/sub"), { recursive: true });
    writeFileSync(made.at("in/tree/sub/f"), "overwritten");
    mkdirSync(made.at("in/target"));
    symlinkSync("../../out", made.at("in/target/sub"));
    await assert.rejects(copy(made, "in/tree", "in/target"), outside);
    assert.equal(readFileSync(made.at("out/f"), "utf8"), "outside");
  });

  test("does not list links that lead outside", async () => {
    await using made = desk();
    const { entries } = await made.ask("fs/readDirectory", "in");
    assert.deepEqual(entries.map(({ fileName }: { fileName: string }) => fileName).toSorted(), [
      "d",
      "f",
      "fine",
    ]);
    const walked = await made.ask("fs/walk", "in", { options: walkOptions });
    assert.deepEqual(walked, {
      entries: [
        { path: made.uri("in/d"), kind: "directory" },
        { path: made.uri("in/f"), kind: "file" },
      ],
      errors: [],
      truncated: false,
    });
  });

  test("checks reading and writing separately", async () => {
    await using made = new Desk(undefined, { mayWrite: () => false });
    writeFileSync(made.at("f"), "x");
    assert.equal(text((await made.ask("fs/readFile", "f")).dataBase64), "x");
    await assert.rejects(made.ask("fs/writeFile", "f", { dataBase64: "" }), outside);
    await assert.rejects(made.ask("fs/remove", "f"), outside);
    await assert.rejects(copy(made, "f", "g"), outside);
  });
});

suite("FsMethods without a sandbox (M2)", () => {
  const restricted = { permissions: { type: "managed", file_system: { type: "restricted", entries: [] } } };

  test("rejects a client that wants one", async () => {
    await using made = new Desk();
    const no = refused(-32602, /^sandbox is not supported by this executor/);
    for (const sandbox of [restricted, {}, { permissions: { type: "new" } }, "x", true]) {
      for (const method of [
        "getMetadata",
        "readFile",
        "readDirectory",
        "canonicalize",
        "createDirectory",
        "remove",
      ]) {
        await assert.rejects(made.ask(`fs/${method}`, "f", { sandbox }), no, method);
      }
      await assert.rejects(made.ask("fs/writeFile", "f", { dataBase64: "", sandbox }), no);
      await assert.rejects(made.ask("fs/walk", "f", { options: walkOptions, sandbox }), no);
      await assert.rejects(made.ask("fs/open", "f", { handleId: "h", mode: "replace", sandbox }), no);
      const paths = { sourcePath: made.uri("f"), destinationPath: made.uri("g") };
      await assert.rejects(made.send("fs/copy", { ...paths, recursive: true, sandbox }), no);
    }
    assert.deepEqual(readdirSync(made.root), []);
  });

  test("works for one whose sandbox allows everything", async () => {
    await using made = new Desk();
    writeFileSync(made.at("f"), "x");
    for (const permissions of [
      { type: "disabled" },
      { type: "external" },
      { type: "managed", file_system: { type: "unrestricted" } },
    ]) {
      assert.equal(text((await made.ask("fs/readFile", "f", { sandbox: { permissions } })).dataBase64), "x");
    }
  });

  test("works for all clients if its owner has configured it", async () => {
    await using made = new Desk(undefined, { ignoreSandbox: true });
    await made.ask("fs/writeFile", "f", { dataBase64: base64("x"), sandbox: restricted });
    assert.equal(readFileSync(made.at("f"), "utf8"), "x");
  });
});

suite("FsMethods, files that are held open", () => {
  test("take requests before the answer to fs/open, in order (H1)", async () => {
    await using made = new Desk();
    writeFileSync(made.at("f"), "content");
    const opened = made.ask("fs/open", "f", { handleId: "h" });
    const read = made.send("fs/readBlock", { handleId: "h", offset: 0, len: 100 });
    const closed = made.send("fs/close", { handleId: "h" });
    const late = made.send("fs/readBlock", { handleId: "h", offset: 0, len: 100 });
    await assert.rejects(late, refused(-32004, /^unknown file handle `h`$/));
    assert.deepEqual(await Promise.all([opened, read, closed]), [
      { handleId: "h" },
      { chunk: base64("content"), eof: true },
      {},
    ]);
  });

  test("are written in the order of the requests (H2)", async () => {
    await using made = new Desk();
    const writes = Array.from({ length: 200 }, (_, at) => String(at).padStart(200 - at, "x"));
    await Promise.all([
      made.ask("fs/open", "f", { handleId: "h", mode: "replace" }),
      ...writes.map((each) => made.send("fs/writeBlock", { handleId: "h", offset: 0, chunk: base64(each) })),
    ]);
    const expected = Buffer.alloc(200);
    for (const each of writes) expected.write(each);
    assert.deepEqual(readFileSync(made.at("f")), expected);
  });

  test("are not written where a number is no longer exact, on any file system", async () => {
    await using made = new Desk();
    await made.ask("fs/open", "f", { handleId: "h", mode: "replace" });
    const written = made.send("fs/writeBlock", { handleId: "h", offset: 2 ** 53, chunk: base64("q") });
    await assert.rejects(written, refused(-32603, /^File too large/));
    assert.equal(statSync(made.at("f")).size, 0);
  });

  test("that could not be opened leave their id free", async () => {
    await using made = new Desk();
    const opened = made.ask("fs/open", "f", { handleId: "h" });
    const read = made.send("fs/readBlock", { handleId: "h", offset: 0, len: 1 });
    await assert.rejects(opened, refused(-32004, /^No such file or directory/));
    await assert.rejects(read, refused(-32004, /^unknown file handle/));
    writeFileSync(made.at("f"), "");
    assert.deepEqual(await made.ask("fs/open", "f", { handleId: "h" }), { handleId: "h" });
  });

  test("are closed with the link, also those that are being opened or written (H3)", async () => {
    const made = new Desk();
    await made.ask("fs/open", "a", { handleId: "a", mode: "replace" });
    const pending = [
      made.send("fs/writeBlock", { handleId: "a", offset: 0, chunk: base64(Buffer.alloc(1_000_000)) }),
      made.ask("fs/open", "b", { handleId: "b", mode: "replace" }),
    ];
    const settled = Promise.allSettled(pending);
    await made.family[Symbol.asyncDispose]();
    assert.deepEqual(openFiles(made.root), []);
    await settled;
    await made[Symbol.asyncDispose]();
  });

  test("are not waited for at a pipe without another end", async () => {
    await using made = new Desk();
    execFileSync("mkfifo", [made.at("pipe")]);
    writeFileSync(made.at("f"), "x");
    const noFile = refused(-32600, /^path `.*pipe` is not a file$/);
    const nobody = refused(-32603, /^No such device or address/);
    await assert.rejects(made.ask("fs/open", "pipe", { handleId: "h" }), noFile);
    await assert.rejects(made.ask("fs/readFile", "pipe"), noFile);
    await assert.rejects(made.ask("fs/open", "pipe", { handleId: "h", mode: "replace" }), nobody);
    await assert.rejects(made.ask("fs/writeFile", "pipe", { dataBase64: base64("x") }), nobody);
    await assert.rejects(copy(made, "f", "pipe"), nobody);
    await assert.rejects(copy(made, "pipe", "g"), refused(-32600, /only supports regular files/));
  });
});

suite("FsMethods, whole files", () => {
  test("are rejected if they do not fit into a message", async () => {
    await using made = new Desk();
    writeFileSync(made.at("f"), "");
    truncateSync(made.at("f"), FILE_BYTES_MAX + 1);
    await assert.rejects(
      made.ask("fs/readFile", "f"),
      refused(-32600, /^file is too large .* use fs\/open and fs\/readBlock$/),
    );
    truncateSync(made.at("f"), 3_500_000);
    const { dataBase64 } = await made.ask("fs/readFile", "f");
    assert.equal(Buffer.from(dataBase64, "base64").length, 3_500_000);
  });

  test("are read to their end also if their size is 0", async () => {
    await using made = new Desk();
    const { dataBase64 } = await made.send("fs/readFile", { path: "file:///proc/self/cmdline" });
    assert.match(text(dataBase64), /node/);
  });

  test("are not read while the client does not take what was sent (M4)", async () => {
    await using made = new Desk();
    for (const name of ["a", "b", "c"]) writeFileSync(made.at(name), name);
    let asked = 0;
    const { promise, resolve } = Promise.withResolvers<void>();
    made.room = () => {
      asked++;
      return promise;
    };
    const reads = ["a", "b", "c"].map((name) => made.ask("fs/readFile", name));
    // Others are not held up.
    assert.equal((await made.ask("fs/getMetadata", "c")).size, 1);
    assert.equal(asked, 2, "two at once");
    writeFileSync(made.at("a"), "changed meanwhile");
    resolve();
    const [a] = await Promise.all(reads);
    assert.equal(text(a.dataBase64), "changed meanwhile");
    assert.equal(asked, 3);
  });
});

suite("FsMethods, copying", () => {
  test("keeps a file that is copied onto itself, by any of its names", async () => {
    await using made = new Desk();
    writeFileSync(made.at("f"), "precious");
    symlinkSync("f", made.at("link"));
    execFileSync("ln", [made.at("f"), made.at("twin")]);
    for (const name of ["f", "link", "twin"]) await copy(made, "f", name);
    assert.equal(readFileSync(made.at("f"), "utf8"), "precious");
  });

  test("does not copy a folder into itself through a link in the target", async () => {
    await using made = new Desk();
    mkdirSync(made.at("s/a"), { recursive: true });
    writeFileSync(made.at("s/a/1"), "precious");
    mkdirSync(made.at("t"));
    symlinkSync("../s/a", made.at("t/a"));
    await assert.rejects(
      copy(made, "s", "t"),
      refused(-32600, /cannot copy a directory to itself or one of its desc/),
    );
    assert.equal(readFileSync(made.at("s/a/1"), "utf8"), "precious");
  });

  test("copies a file larger than a part", async () => {
    await using made = new Desk();
    const content = Buffer.from(Array.from({ length: 2_500_000 }, (_, at) => at % 251));
    writeFileSync(made.at("f"), content);
    await copy(made, "f", "g");
    assert.ok(readFileSync(made.at("g")).equals(content));
  });

  test("ends in the middle of a file when the link has ended", async () => {
    await using made = new Desk();
    const size = 4 * 1024 * 1024 * 1024;
    writeFileSync(made.at("f"), "");
    truncateSync(made.at("f"), size);
    const copied = copy(made, "f", "g");
    while (!existsSync(made.at("g")) || statSync(made.at("g")).size === 0) await new Promise(setImmediate);
    made.gone.abort(new Error("gone"));
    await assert.rejects(copied, /gone/);
    assert.ok(statSync(made.at("g")).size < size);
    assert.deepEqual(openFiles(made.root), []);
  });
});

suite("FsMethods, walking", () => {
  test("comes to an end in folders that link to each other (W2)", async () => {
    await using made = new Desk();
    mkdirSync(made.at("a"));
    mkdirSync(made.at("b"));
    for (const [path, target] of [
      ["a/b", "../b"],
      ["b/a", "../a"],
      ["a/root", ".."],
      ["b/self", "."],
    ] as const) {
      symlinkSync(target, made.at(path));
    }
    const { entries, truncated } = await made.ask("fs/walk", "", { options: walkOptions });
    assert.equal(truncated, false);
    assert.deepEqual(
      entries.map(({ path }: { path: string }) => path.slice(made.uri("").length + 1)),
      ["a", "b", "a/b", "a/root", "b/a", "b/self"],
    );
  });

  test("stops where the answer would become too large (W1)", async () => {
    await using made = new Desk();
    const deep = Array.from({ length: 14 }, (_, at) => String(at).padEnd(250, "x")).join("/");
    mkdirSync(made.at(deep), { recursive: true });
    for (let at = 0; at < 1300; at++) writeFileSync(join(made.at(deep), `${at}`), "");
    const walked = await made.ask("fs/walk", "", { options: { ...walkOptions, maxDepth: 64 } });
    assert.equal(walked.truncated, true);
    const bytes = JSON.stringify(walked).length;
    assert.ok(bytes > 3_500_000 && bytes < 4_500_000, String(bytes));
  });

  test("ends when the link has ended", async () => {
    await using made = new Desk();
    mkdirSync(made.at("a/b/c"), { recursive: true });
    const walked = made.ask("fs/walk", "", { options: walkOptions });
    made.gone.abort(new Error("gone"));
    await assert.rejects(walked, /gone/);
  });
});

suite("FsMethods", () => {
  test("answer a thousand requests at once (M3)", async () => {
    await using made = new Desk();
    writeFileSync(made.at("f"), "x");
    const answers = await Promise.all(Array.from({ length: 1000 }, () => made.ask("fs/getMetadata", "f")));
    assert.ok(answers.every(({ size }) => size === 1));
  });

  test("report when a file was created", async () => {
    await using made = new Desk();
    const before = Date.now();
    writeFileSync(made.at("f"), "x");
    const { createdAtMs } = await made.ask("fs/getMetadata", "f");
    assert.ok(Math.abs(createdAtMs - before) < 60_000, String(createdAtMs));
  });
});

function copy(made: Desk, from: string, to: string): Promise<unknown> {
  const paths = { sourcePath: made.uri(from), destinationPath: made.uri(to) };
  return made.send("fs/copy", { ...paths, recursive: true });
}

/** Files in a folder that this process has open. */
function openFiles(root: string): string[] {
  const found = readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      // The one of reading the list.
      return [];
    }
  });
  return found.filter((path) => path.startsWith(root));
}
