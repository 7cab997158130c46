import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, suite, test } from "node:test";
import { findProject, projectKey, type TrustLevel, trustOf } from "./project-trust.ts";
import { fromPlain, lineAndColumn, type TomlTable } from "../../toml/node.ts";
import { parseToml } from "../../toml/parse.ts";

let dir: string;
beforeEach(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), "switchyard-trust-")));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function write(path: string, text = ""): void {
  mkdirSync(dirname(join(dir, path)), { recursive: true });
  writeFileSync(join(dir, path), text);
}

function folder(path: string): string {
  mkdirSync(join(dir, path), { recursive: true });
  return join(dir, path);
}

function repository(path: string): void {
  write(`${path}/.git/HEAD`, "ref: refs/heads/main\n");
}

function settings(levels: Readonly<Record<string, string>>, markers?: readonly string[]): TomlTable {
  const projects = Object.fromEntries(
    Object.entries(levels).map(([path, trust_level]) => [join(dir, path), { trust_level }]),
  );
  return fromPlain({ projects, project_root_markers: markers }) as TomlTable;
}

/** The level of each folder of the project, from the root down. */
function levels(cwd: string, table: TomlTable, asGiven?: string): (TrustLevel | undefined)[] {
  const project = findProject(join(dir, cwd), table);
  return project.folders.map((each) => trustOf(each, project, table, asGiven).level);
}

function names(cwd: string, table: TomlTable = settings({})): string[] {
  return findProject(join(dir, cwd), table).folders.map((each) => each.slice(dir.length + 1));
}

suite("findProject", () => {
  test("goes from the nearest folder with a repository down to the working directory", () => {
    repository("outer");
    repository("outer/p");
    folder("outer/p/a/b");
    assert.deepEqual(names("outer/p/a/b"), ["outer/p", "outer/p/a", "outer/p/a/b"]);
  });

  test("has only the working directory where nothing marks a root", () => {
    folder("p/a");
    assert.deepEqual(names("p/a"), ["p/a"]);
  });

  const marks: readonly (readonly [what: string, make: () => void, counts: boolean])[] = [
    ["an empty .git folder", () => void folder("p/.git"), false],
    ["a .git folder without HEAD", () => write("p/.git/config"), false],
    ["a .git folder with HEAD", () => write("p/.git/HEAD"), true],
    ["a .git file, as of a worktree", () => write("p/.git", "gitdir: /nowhere\n"), true],
    [
      "a .git link that leads nowhere",
      () => (folder("p"), symlinkSync("/nowhere", join(dir, "p/.git"))),
      false,
    ],
  ];
  for (const [what, make, counts] of marks) {
    test(`${what} makes ${counts ? "a" : "no"} project root, as in Codex`, () => {
      folder("p/a");
      make();
      assert.deepEqual(names("p/a"), counts ? ["p", "p/a"] : ["p/a"]);
    });
  }

  test("project_root_markers replaces .git; an empty list leaves no root", () => {
    repository("p");
    write("p/a/mark");
    folder("p/a/b");
    assert.deepEqual(names("p/a/b", settings({}, ["mark"])), ["p/a", "p/a/b"]);
    assert.deepEqual(names("p/a/b", settings({}, [])), ["p/a/b"]);
  });

  test("follows the links of the working directory first, so a link in a trusted project does not pass on its trust", () => {
    repository("p");
    folder("elsewhere");
    symlinkSync(join(dir, "elsewhere"), join(dir, "p/link"));
    assert.deepEqual(names("p/link"), ["elsewhere"]);
    assert.deepEqual(levels("p/link", settings({ p: "trusted" })), [undefined]);
  });
});

suite("trustOf", () => {
  test("asks the folder, then the project root (T2)", () => {
    repository("p");
    folder("p/a/b");
    assert.deepEqual(levels("p/a/b", settings({ p: "trusted" })), ["trusted", "trusted", "trusted"]);
    assert.deepEqual(levels("p/a/b", settings({ p: "trusted", "p/a": "untrusted" })), [
      "trusted",
      "untrusted",
      "trusted",
    ]);
    assert.deepEqual(levels("p/a/b", settings({ "p/a": "trusted" })), [undefined, "trusted", undefined]);
  });

  test("trust of a folder above the project does not count", () => {
    repository("p");
    assert.deepEqual(levels("p", settings({ "": "trusted" })), [undefined]);
  });

  test("asks the repository last, where other markers make another root, or no root", () => {
    repository("p");
    folder("p/a");
    assert.deepEqual(levels("p/a", settings({ p: "trusted" }, ["nothing"])), ["trusted"]);
  });

  test("an entry without a level leaves the question to the next", () => {
    repository("p");
    const table = fromPlain({
      projects: { [join(dir, "p/a")]: {}, [join(dir, "p")]: { trust_level: "trusted" } },
    }) as TomlTable;
    folder("p/a");
    assert.deepEqual(levels("p/a", table), ["trusted", "trusted"]);
  });

  test("the real path decides before the spelling the caller used", () => {
    folder("real");
    symlinkSync("real", join(dir, "link"));
    const given = join(dir, "link");
    assert.deepEqual(levels("link", settings({ link: "trusted" }), given), ["trusted"]);
    assert.deepEqual(levels("link", settings({ link: "trusted", real: "untrusted" }), given), ["untrusted"]);
  });

  test("keys are compared letter by letter: a slash at the end is another key", () => {
    folder("p");
    const table = fromPlain({ projects: { [`${join(dir, "p")}/`]: { trust_level: "trusted" } } });
    assert.deepEqual(levels("p", table as TomlTable), [undefined]);
  });

  test("a level that is not one of Codex's two words gives no trust", () => {
    repository("p");
    folder("p/a");
    for (const trust_level of ["Trusted", "", 1, ["trusted"]]) {
      const projects = { [join(dir, "p/a")]: { trust_level }, [join(dir, "p")]: { trust_level: "trusted" } };
      assert.deepEqual(levels("p/a", fromPlain({ projects }) as TomlTable), ["trusted", "untrusted"]);
    }
  });

  test("names the place that decides", () => {
    folder("p");
    const parsed = parseToml({
      name: "f",
      text: `[projects."${join(dir, "p")}"]\ntrust_level = "untrusted"\n`,
    });
    assert.ok(parsed.ok);
    const { root } = parsed.document;
    const { place } = trustOf(join(dir, "p"), findProject(join(dir, "p"), root), root);
    assert.ok(place);
    assert.equal(lineAndColumn(place).line, 2);
  });
});

suite("a worktree", () => {
  function worktree(back = join(dir, "w/.git"), common = "../.."): void {
    repository("main");
    write("main/.git/worktrees/x/gitdir", `${back}\n`);
    write("main/.git/worktrees/x/commondir", `${common}\n`);
    write("w/.git", `gitdir: ${join(dir, "main/.git/worktrees/x")}\n`);
    folder("w/a");
  }

  test("is trusted as the repository it was made from", () => {
    worktree();
    assert.deepEqual(levels("w/a", settings({ main: "trusted" })), ["trusted", "trusted"]);
  });

  test("decides for itself before that repository", () => {
    worktree();
    assert.deepEqual(levels("w", settings({ main: "trusted", w: "untrusted" })), ["untrusted"]);
  });

  test("that the repository does not know of is not trusted: anybody can write a .git file (T1)", () => {
    worktree(join(dir, "other/.git"));
    assert.deepEqual(levels("w", settings({ main: "trusted" })), [undefined]);
  });

  test("of an entry that belongs to another repository is not trusted (T1)", () => {
    worktree(undefined, "/somewhere/.git");
    assert.deepEqual(levels("w", settings({ main: "trusted" })), [undefined]);
  });

  test("with a .git file that names nothing is not a repository, and hides those above it", () => {
    repository("p");
    write("p/w/.git", "nonsense\n");
    assert.deepEqual(levels("p/w", settings({ p: "trusted" }, [])), [undefined]);
  });
});

test("projectKey follows links, and takes a folder that does not exist at its word", () => {
  folder("real");
  symlinkSync("real", join(dir, "link"));
  assert.equal(projectKey(join(dir, "link")), join(dir, "real"));
  assert.equal(projectKey(join(dir, "none/../gone/")), join(dir, "gone"));
});
