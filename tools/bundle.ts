/**
 * Bundles src/ into dist/: one file for each entry point, and `dist/chunks/` for what they share.
 *
 * Loading is most of what the command and a host's first turn cost, and hundreds of small modules are dear to load: each is
 * resolved, read, compiled and linked by itself. Dependencies stay what they are, packages of their own.
 *
 * All entry points are bundled together, so that a class exists once: `instanceof` holds between them.
 */
import { globSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { type Plugin, rolldown } from "rolldown";

const root = join(import.meta.dirname, "..");
const src = join(root, "src");

/** What dist/ has a file for: the entry points of the package, the command, and a server that tests start. */
function entryPoints(): Record<string, string> {
  const files = [
    ...globSync("{.,*}/index.ts", { cwd: src }),
    "cli/main.ts",
    "testing/stdio-server/stdio-server.ts",
  ];
  return Object.fromEntries(files.map((file) => [file.replace(/\.ts$/, ""), join(src, file)]));
}

/** A file that asks where it is gets the answer that it has in src/. Chunks are one folder deep. */
const places: Plugin = {
  name: "places",
  transform(code, id) {
    const file = relative(src, id).split(sep).join("/");
    if (file.startsWith("../") || file === "cli/main.ts" || !code.includes("import.meta.url")) return null;
    const place = JSON.stringify(`../${file.replace(/\.ts$/, ".js")}`);
    return { code: code.replaceAll("import.meta.url", `new URL(${place}, import.meta.url).href`), map: null };
  },
  generateBundle(_, bundle) {
    for (const [file, chunk] of Object.entries(bundle)) {
      if (chunk.type === "chunk" && file.split("/").length !== 2 && chunk.code.includes("import.meta.url")) {
        this.error(`${file} asks where it is, and is not one folder deep`);
      }
    }
  },
};

/** As rolldown writes them. */
const IMPORT =
  /^import (?:(?:\* as )?(?<whole>[\w$]+))?(?:, )?(?:\{ (?<names>[^}]*) \})? from "(?<from>node:[\w/]+)";$/gm;

/**
 * Node's own modules are taken without their ES module: for that, Node reads every export, and those of `node:http` load
 * a WebSocket and a fetch that nobody uses (16 ms), those of `node:fs` and `node:util` 2 ms each.
 */
const builtins: Plugin = {
  name: "builtins",
  renderChunk(code, { fileName }) {
    // Not in the command itself: it says to an old Node, in words, that it is too old.
    if (fileName === "cli/main.js") return null;
    const taken = code.replace(IMPORT, (...args) => {
      const { names, whole, from } = args.at(-1) as Record<string, string | undefined>;
      const module = `process.getBuiltinModule("${from}")`;
      const targets = [whole, names === undefined ? undefined : `{ ${names.replaceAll(" as ", ": ")} }`];
      return targets.flatMap((each) => (each === undefined ? [] : `const ${each} = ${module};`)).join(" ");
    });
    const left = /^import .*"node:.*$/m.exec(taken);
    if (left !== null) this.error(`${fileName} has an import that is not understood: ${left[0]}`);
    return { code: taken, map: null };
  },
};

/**
 * One arrow in a comment makes V8 keep the whole file with two bytes for each character, and read it more slowly. The comments
 * are in the declarations and in the sources; what is left is in strings and regular expressions.
 */
const ascii: Plugin = {
  name: "ascii",
  // At the very end: rolldown writes its code once more, without the comments.
  generateBundle(_, bundle) {
    for (const chunk of Object.values(bundle)) if (chunk.type === "chunk") chunk.code = escaped(chunk.code);
  },
};

function escaped(code: string): string {
  return code.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/**
 * Whatever needs some of these needs most of it, and of no other package or dear module of Node: as one file it is loaded
 * faster. A module that is not in a group goes to what is needed by the same entry points and commands.
 */
const groups = [
  { name: "base", test: /\bsrc\/base\//, priority: 1 },
  {
    name: "config",
    test: /\bsrc\/(toml|config\/(effective|environments|layers|plugins|requirements|schema|server|show))\//,
  },
];

export async function bundle(dist: string): Promise<void> {
  const { dependencies, peerDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    readonly dependencies: Readonly<Record<string, string>>;
    readonly peerDependencies: Readonly<Record<string, string>>;
  };
  const packages = Object.keys({ ...dependencies, ...peerDependencies });
  const build = await rolldown({
    input: entryPoints(),
    platform: "node",
    external: [/^node:/, ...packages.map((name) => new RegExp(`^${name}(/|$)`))],
    // Node 22 has no `await using`.
    transform: { target: "es2024" },
    treeshake: { moduleSideEffects: false },
    plugins: [places, builtins, ascii],
    onLog(level, log) {
      throw new Error(`${level}: ${log.message}`);
    },
  });
  await build.write({
    dir: dist,
    format: "esm",
    chunkFileNames: "chunks/[name]-[hash].js",
    sourcemap: true,
    sourcemapExcludeSources: true,
    comments: false,
    codeSplitting: { groups },
  });
  await build.close();
}
