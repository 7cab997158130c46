/** Which modules a program of ours loads, also where a file of `dist/` is made of several. */
import { existsSync, readFileSync } from "node:fs";

/** For `node --import`: Node writes the address of each module that it loads to stderr, one in a line. */
export const REPORT_LOADS: string = `data:text/javascript,${encodeURIComponent(
  'import module from "node:module"; const load = (url, context, next) => { ' +
    "process.stderr.write(`${url}\\n`); return next(url, context); }; module.registerHooks({ load });",
)}`;

/** @returns modules as paths in `src/`, without `.ts` */
export function modulesLoaded(stderr: string): string[] {
  return stderr
    .split("\n")
    .filter((url) => /^file:.*\/(?:dist|src)\/.*\.[jt]s$/.test(url) && !url.includes("/node_modules/"))
    .flatMap((url) => sourcesOf(url))
    .flatMap((source) => /\/src\/(.*)\.ts$/.exec(source)?.[1] ?? []);
}

/** @returns the names of packages */
export function packagesLoaded(stderr: string): string[] {
  return [...stderr.matchAll(/\/node_modules\/((?:@[\w-]+\/)?[\w-]+)\//g)].map(([, name]) => name ?? "");
}

function sourcesOf(url: string): readonly string[] {
  if (url.endsWith(".ts")) return [url];
  // A file that only passes names on has no lines of a source.
  if (!existsSync(new URL(`${url}.map`))) return [];
  const map = JSON.parse(readFileSync(new URL(`${url}.map`), "utf8")) as {
    readonly sources: readonly string[];
  };
  return map.sources;
}
