/** Where Codex keeps installed plugins: `plugins/cache/MARKETPLACE/PLUGIN/VERSION` in its home (0.171, measured). */
import fs from "node:fs";
import { join } from "node:path";

export interface PluginId {
  readonly name: string;
  readonly marketplace: string;
}

const NAME = /^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$/;
const MARKETPLACE = /^[A-Za-z0-9_-]+$/;
const VERSION = /^[A-Za-z0-9._+-]+$/;
/** What a plugin without a version is installed as. */
const LOCAL = "local";

/** `plugin@marketplace`; `undefined` for what is no such id. None leads out of the store. */
export function parsePluginId(text: string): PluginId | undefined {
  const at = text.lastIndexOf("@");
  const [name, marketplace] = [text.slice(0, at), text.slice(at + 1)];
  return at !== -1 && NAME.test(name) && MARKETPLACE.test(marketplace) ? { name, marketplace } : undefined;
}

/** The folder of the version that counts: `local`, or the highest one. A link is no version. */
export function installedRoot(codexHome: string, { name, marketplace }: PluginId): string | undefined {
  const folder = join(codexHome, "plugins", "cache", marketplace, name);
  const versions = foldersIn(folder).filter((each) => VERSION.test(each) && each !== "." && each !== "..");
  const version = versions.includes(LOCAL) ? LOCAL : versions.sort(compareVersions).at(-1);
  return version === undefined ? undefined : join(folder, version);
}

function foldersIn(folder: string): string[] {
  try {
    return fs
      .readdirSync(folder, { withFileTypes: true })
      .flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return [];
    throw error;
  }
}

/** What `${PLUGIN_DATA}` is in a plugin of the Agent Plugins format. Codex makes the folder; reading makes nothing here. */
export function pluginDataRoot(codexHome: string, { name, marketplace }: PluginId): string {
  // Loaded where it is used: hardly any start of the command needs it.
  const { createHash } = process.getBuiltinModule("node:crypto");
  const hash = createHash("sha256").update(`${marketplace}\0${name}`).digest("hex");
  return join(codexHome, "plugins", "data", "agent-plugins", hash);
}

interface Version {
  readonly numbers: readonly bigint[];
  readonly pre: readonly string[];
  readonly build: readonly string[];
}

const SEMVER =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-((?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*))*))?(?:\+([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?$/;

function parseVersion(text: string): Version | undefined {
  const found = SEMVER.exec(text);
  if (found === null) return undefined;
  const [, major = "", minor = "", patch = "", pre = "", build = ""] = found;
  const parts = (list: string): readonly string[] => (list === "" ? [] : list.split("."));
  return { numbers: [major, minor, patch].map(BigInt), pre: parts(pre), build: parts(build) };
}

/** By semver where both are; otherwise as texts. What is after `+` counts, too: Rust's `semver` has a total order. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [parseVersion(a), parseVersion(b)];
  if (left === undefined || right === undefined) return a < b ? -1 : a > b ? 1 : 0;
  for (const [at, number] of left.numbers.entries()) {
    const other = right.numbers[at] ?? 0n;
    if (number !== other) return number < other ? -1 : 1;
  }
  // A version that is on its way comes before the finished one.
  if ((left.pre.length === 0) !== (right.pre.length === 0)) return left.pre.length === 0 ? 1 : -1;
  return compareParts(left.pre, right.pre) || compareParts(left.build, right.build);
}

function compareParts(a: readonly string[], b: readonly string[]): number {
  for (const [at, part] of a.entries()) {
    const other = b[at];
    if (other === undefined) return 1;
    const order = comparePart(part, other);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

function comparePart(a: string, b: string): number {
  const [isA, isB] = [/^\d+$/.test(a), /^\d+$/.test(b)];
  if (isA && isB && BigInt(a) !== BigInt(b)) return BigInt(a) < BigInt(b) ? -1 : 1;
  if (isA !== isB) return isA ? -1 : 1;
  if (isA && a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : a > b ? 1 : 0;
}
