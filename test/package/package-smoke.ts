/**
 * The package as its users get it: packed, installed into an empty folder without Codex, and started on the
 * oldest Node we promise and on the one we develop on. `npm test -- package` runs it.
 *
 * It packs a copy of the working tree, with the dist/ that the gate has built; without the gate, `npm pack` builds it. Node 22 is installed into the temporary folder and not as a dev dependency: two packages that both
 * bring a `node` command contend for node_modules/.bin/node, and the last one installed wins.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, delimiter, join, sep } from "node:path";
import { promisify } from "node:util";

import { findCodex } from "../../src/codex/index.ts";
import { sample } from "../support/sample.ts";

const OLDEST_NODE = "22.23.3";
const CURRENT_NODE_MAJOR = "24";

const root = join(import.meta.dirname, "..", "..");
const binaries = join(root, "node_modules", ".bin");
const manifest = readManifest(join(root, "package.json"));

interface Manifest {
  readonly name: string;
  readonly bin: Readonly<Record<string, string>>;
  readonly scripts: Readonly<Record<string, string>>;
  /** Conditions to files; we use no nesting and no patterns. */
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
}

function readManifest(path: string): Manifest {
  return JSON.parse(readFileSync(path, "utf8")) as Manifest;
}

/** Runs a command with `binaryFolder` first in PATH, and puts all it said into the error when it fails. */
async function run(folder: string, binaryFolder: string, file: string, ...args: string[]): Promise<string> {
  const env = { ...process.env, PATH: `${binaryFolder}${delimiter}${process.env["PATH"] ?? ""}` };
  try {
    const { stdout } = await promisify(execFile)(file, args, { cwd: folder, env, maxBuffer: 64 << 20 });
    return stdout;
  } catch (cause) {
    const { stdout, stderr } = cause as { readonly stdout?: string; readonly stderr?: string };
    throw new Error(`${file} ${args.join(" ")} failed in ${folder}\n${stdout ?? ""}${stderr ?? ""}`, {
      cause,
    });
  }
}

function createFolder(parent: string, name: string, content: object): string {
  const folder = join(parent, name);
  mkdirSync(folder);
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module", ...content }));
  return folder;
}

const install = ["install", "--prefer-offline", "--no-audit", "--no-fund"] as const;

/** Installs the platform's package of Node 22, which the package `node` would have npm install, and returns its folder. */
async function installOldestNode(temporary: string): Promise<string> {
  const folder = createFolder(temporary, "node-22", {});
  const { platform, arch } = process;
  const prefix = platform === "darwin" && arch === "arm64" ? "node-bin" : "node";
  const name = [prefix, platform === "win32" ? "win" : platform, arch].join("-");
  await run(folder, binaries, "npm", ...install, `${name}@${OLDEST_NODE}`);
  return join(folder, "node_modules", name, "bin");
}

async function pack(temporary: string): Promise<string> {
  const copy = join(temporary, "copy");
  // What the gate has built, with the command that `npm pack` would run first.
  const isBuilt = process.env["SWITCHYARD_MAIN"] === join(root, "dist", "cli", "main.js");
  assert.equal(manifest.scripts["prepack"], "node tools/build.ts");
  const left = new Set(["node_modules", ".git", ...(isBuilt ? [] : ["dist"])]);
  cpSync(root, copy, { recursive: true, filter: (path) => path === root || !left.has(basename(path)) });
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
  await run(
    copy,
    binaries,
    "npm",
    "pack",
    "--pack-destination",
    temporary,
    ...(isBuilt ? ["--ignore-scripts"] : []),
  );
  const tarballs = readdirSync(temporary).filter((name) => name.endsWith(".tgz"));
  assert.equal(tarballs.length, 1, `npm pack made ${tarballs.length} tarballs`);
  return join(temporary, tarballs.join());
}

async function installPackage(temporary: string, tarball: string): Promise<string> {
  const folder = createFolder(temporary, "user", {});
  await run(folder, binaries, "npm", ...install, tarball);
  assert.ok(!existsSync(join(folder, "node_modules", "@openai", "codex")), "Codex was installed uninvited");
  return folder;
}

/** Every file that `exports` and `bin` promise is in the tarball, and no test is. */
function checkFiles(installed: string): void {
  const targets = Object.values(manifest.exports).flatMap((target) =>
    typeof target === "string" ? [target] : Object.values(target),
  );
  for (const target of [...targets, ...Object.values(manifest.bin)]) {
    assert.ok(existsSync(join(installed, target)), `package.json promises ${target}, the tarball lacks it`);
  }
  const tests = readdirSync(join(installed, "dist"), { recursive: true, encoding: "utf8" }).filter((name) =>
    /\.test\.(d\.ts|js)$/.test(name.split(sep).at(-1) ?? ""),
  );
  assert.deepEqual(tests, [], "the tarball carries tests");
}

/** One program that imports every export, for Node to run and for the compiler to read the declarations. */
function writeImports(user: string): string[] {
  const specifiers = Object.keys(manifest.exports).map((path) => {
    assert.ok(!path.includes("*"), `this check cannot enumerate the export pattern ${path}`);
    return `${manifest.name}${path.slice(1)}`;
  });
  const lines = specifiers.flatMap((specifier, index) => {
    const attributes = specifier.endsWith(".json") ? ' with { type: "json" }' : "";
    return [
      `import * as module${index} from ${JSON.stringify(specifier)}${attributes};`,
      `if (Object.keys(module${index}).length === 0) throw new Error("${specifier} exports nothing");`,
    ];
  });
  // A class that two entry points export is one class: `instanceof` holds between them.
  const modules = specifiers.map((_, index) => `module${index}`).join(", ");
  lines.push(
    "const seen = new Map();",
    `for (const [name, value] of [${modules}].flatMap((each) => Object.entries(each))) {`,
    "  if (!String(value).startsWith('class ')) continue;",
    "  if (seen.has(name) && seen.get(name) !== value) throw new Error(`the class ${name} exists twice`);",
    "  seen.set(name, value);",
    "}",
  );
  for (const name of ["imports.mjs", "imports.mts"]) writeFileSync(join(user, name), `${lines.join("\n")}\n`);
  return specifiers;
}

async function checkOn(nodeFolder: string, major: string, user: string): Promise<void> {
  const node = join(nodeFolder, "node");
  const version = (await run(user, nodeFolder, node, "--version")).trim();
  assert.ok(version.startsWith(`v${major}.`), `expected Node ${major} in ${node}, found ${version}`);
  await run(user, nodeFolder, node, "imports.mjs");
  for (const command of Object.keys(manifest.bin)) {
    const help = await run(user, nodeFolder, join(user, "node_modules", ".bin", command), "--help");
    assert.match(help, new RegExp(command), `${command} --help does not name the command`);
  }
  // The mcp commands load their modules in a way of their own (cli/main.ts).
  const servers = ["--file", join(user, `servers-${major}.toml`)];
  const switchyard = (...args: string[]): Promise<string> =>
    run(user, nodeFolder, join(user, "node_modules", ".bin", "switchyard"), "mcp", ...args);
  await switchyard("add", ...servers, "docs", "--", "docs-mcp");
  assert.match(await switchyard("list", "--json", ...servers), /"command": "docs-mcp"/);
  await checkExecutor(nodeFolder, major, user);
  console.log(
    `Node ${version}: every export imports, every command answers --help, mcp adds and lists, an executor answers`,
  );
}

/** The installed command starts itself as an executor, and finds it. */
async function checkExecutor(nodeFolder: string, major: string, user: string): Promise<void> {
  const home = createFolder(user, `home-${major}`, {});
  const command = join(user, "node_modules", ".bin", "switchyard");
  const program = JSON.stringify(join(nodeFolder, "node"));
  writeFileSync(
    join(home, "environments.toml"),
    `[[environments]]\nid = "self"\nprogram = ${program}\nargs = [${JSON.stringify(command)}, "executor", "--listen", "stdio"]\n`,
  );
  const wrapper = ["env", `CODEX_HOME=${home}`, `SWITCHYARD_HOME=${home}`] as const;
  const [file, ...words] = [...wrapper, command, "environments", "check", "self", "--json"];
  const answer = await run(user, nodeFolder, file, ...words);
  assert.match(answer, /"works": true/);
}

/**
 * Examples and demo, as they are in node_modules; only Codex itself is not of the package. On the Node that we develop on,
 * test/examples and test/cli/demo.test.ts run all of them from the same dist/, so here is a sample.
 */
async function checkExamples(nodeFolder: string, user: string): Promise<void> {
  const codex = `SWITCHYARD_CODEX_PATH=${findCodex(undefined, process.env).path}`;
  const examples = join("node_modules", manifest.name, "examples");
  const names = readdirSync(join(user, examples)).filter((name) => name.endsWith(".js"));
  assert.ok(names.length >= 6, `the tarball has ${names.length} examples`);
  const node = join(nodeFolder, "node");
  for (const name of sample(names, 3)) {
    assert.notEqual(await run(user, nodeFolder, "env", codex, node, join(examples, name)), "", name);
  }
  const command = join(user, "node_modules", ".bin", "switchyard");
  assert.match(await run(user, nodeFolder, "env", codex, command, "demo"), /All 10 claims hold/);
  console.log(`${sample(names, 3).join(", ")} and the demo run`);
}

const temporary = mkdtempSync(join(tmpdir(), "package-"));
try {
  const preparing = [
    installOldestNode(temporary),
    pack(temporary).then((tarball) => installPackage(temporary, tarball)),
  ] as const;
  // Both to the end, also when one fails: npm must not go on writing into a folder that we remove.
  await Promise.allSettled(preparing);
  const [oldestNode, user] = await Promise.all(preparing);
  checkFiles(join(user, "node_modules", manifest.name));
  console.log(`installed; importing ${writeImports(user).join(", ")}`);
  const strict = ["--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--target", "es2024"];
  await run(user, binaries, "tsc", ...strict, "--types", "", "imports.mts");
  await checkOn(oldestNode, OLDEST_NODE.split(".")[0] ?? "", user);
  await checkExamples(oldestNode, user);
  await checkOn(binaries, CURRENT_NODE_MAJOR, user);
} finally {
  rmSync(temporary, { recursive: true, force: true });
}
