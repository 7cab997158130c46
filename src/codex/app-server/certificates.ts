/**
 * The root certificates that Codex finds: those of the machine, or a single one while it reaches nothing but this machine.
 *
 *   FOLDER/one   roots.pem, folder/     one certificate, an empty folder
 *   FOLDER/all   roots.pem, folder/     links to those of the machine, or of the host
 *   FOLDER/now   a link to one of the two; what SSL_CERT_FILE and SSL_CERT_DIR of Codex lead through
 *
 * Codex reads all of them, and both places, for each HTTP client that it makes: twice or three times in a turn, 290 files on Debian (measured with
 * 0.169 and 0.171). It looks at the paths each time, so what they lead to can change while it runs.
 *
 * Invariants
 *   Z1. As long as a thread is there, or being opened, that reaches out, all certificates are there. The process never starts anew for it.
 *   Z2. Where Codex may reach out without a thread, all are there from the start.
 *   Z3. The agent's commands find what they would find without this.
 *   Z4. The folder is in Codex's home, where no sandboxed command may write. It is removed at the end; that of a host that was killed, by
 *       the next one.
 */
import { existsSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { messageOf } from "../../base/errors.ts";
import { isObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import type { Log } from "../../base/log.ts";
import { type MachineCertificates, machineCertificates } from "../../base/machine-certificates.ts";
import { makeOwnFolder, removeOwnFolder } from "../../process/own-folder.ts";
import { configuredKeys } from "../../config/layers/model-providers.ts";
import type { CodexOptions } from "../options.ts";
import { processFeatures } from "./features.ts";

type Env = Readonly<Record<string, string | undefined>>;

const FILE = "SSL_CERT_FILE";
const FOLDER = "SSL_CERT_DIR";
const PREFIX = "certificates-";

/** Root keys with which Codex reaches other machines by itself, or starts programs with its own environment. */
const OUTWARD_KEYS: readonly string[] = [
  "apps",
  "cloud",
  "hooks",
  "marketplaces",
  "notify",
  "orchestrator",
  "otel",
  "plugins",
];
const OUTWARD_FEATURES: readonly string[] = [
  "apps",
  "network_proxy",
  "plugins",
  "remote_control",
  "remote_plugin",
  // What a login shell exports is given to commands later.
  "shell_snapshot",
  "shell_snapshot_v2",
];
/** Files of a home that mean the same. */
const OUTWARD_FILES: readonly string[] = ["hooks.json", "environments.toml"];
/** Logins to MCP servers. Where Codex runs those, it refreshes them. */
const LOGINS = ".credentials.json";

/** Whether a configuration has Codex reach other machines besides its model and its MCP servers. */
export function reachesOut(keys: readonly string[], features: JsonValue | undefined): boolean {
  return (
    keys.some((key) => OUTWARD_KEYS.includes(key)) ||
    (isObject(features) &&
      OUTWARD_FEATURES.some((name) => features[name] !== undefined && features[name] !== false))
  );
}

export interface CertificatesOptions {
  readonly codex: CodexOptions;
  readonly codexHome: string;
  readonly isUsersHome: boolean;
  readonly env: Env;
  readonly log: Log;
}

/** Whether the process may do with one certificate as long as no thread needs more (Z2). */
function mayDoWithOne({ codex, codexHome, isUsersHome, env }: CertificatesOptions): boolean {
  if (codex.modelRequests === "direct" || isUsersHome) return false;
  // Without a key for all threads, a login is used, and refreshed at any time.
  if (codex.apiKey === undefined && existsSync(join(codexHome, "auth.json"))) return false;
  if (env["CODEX_CA_CERTIFICATE"] !== undefined) return false;
  if ((codex.environments ?? []).some((each) => "url" in each && /^wss:/i.test(each.url))) return false;
  const files = codex.mcp === "direct" ? [...OUTWARD_FILES, LOGINS] : OUTWARD_FILES;
  if (files.some((name) => existsSync(join(codexHome, name)))) return false;
  const keys = configuredKeys(codexHome);
  return keys !== undefined && !reachesOut(keys, { ...processFeatures(codex) });
}

/** All certificates, as Codex would find them. @returns `undefined` where they are in no such place */
function allCertificates({ caFile }: CodexOptions, env: Env): MachineCertificates | undefined {
  if (process.platform !== "linux") return undefined;
  if (caFile !== undefined) return { file: caFile, folder: undefined };
  const machine = machineCertificates();
  const file = env[FILE] ?? machine.file;
  const folder = env[FOLDER] ?? machine.folder;
  // A list of folders cannot be one link.
  return file === undefined || folder?.includes(":") === true ? undefined : { file, folder };
}

export class Certificates implements Disposable {
  /** Of Codex's process. */
  readonly variables: Readonly<Record<string, string>>;
  /** What Codex would have. */
  readonly #own: JsonObject;
  readonly #path: string;
  readonly #mayDoWithOne: boolean;
  #needs = 0;
  #isGone = false;

  /** @returns `undefined` where Codex is left what it finds */
  static open(options: CertificatesOptions): Certificates | undefined {
    const all = allCertificates(options.codex, options.env);
    const one = all !== undefined && mayDoWithOne(options);
    // The file of a host stands for all; without an empty folder, that of the machine would count as well.
    if (all === undefined || !(one || options.codex.caFile !== undefined)) return undefined;
    try {
      return new Certificates(options, all, one);
    } catch (error) {
      options.log("warn", `Codex reads all root certificates of this machine: ${messageOf(error)}`);
      return undefined;
    }
  }

  private constructor(
    { codex, codexHome, env }: CertificatesOptions,
    all: MachineCertificates,
    doesWithOne: boolean,
  ) {
    const { file, folder } = all;
    const { caFile } = codex;
    const own = caFile === undefined ? { [FILE]: env[FILE], [FOLDER]: env[FOLDER] } : { [FILE]: caFile };
    this.#own = Object.fromEntries(
      Object.entries(own).filter((entry): entry is [string, string] => entry[1] !== undefined),
    );
    // Loaded here: it takes 8 ms of every host that imports this package.
    const { rootCertificates } = process.getBuiltinModule("node:tls");
    this.#path = makeOwnFolder(codexHome, PREFIX);
    this.#mayDoWithOne = doesWithOne;
    for (const name of ["one", "all"]) mkdirSync(join(this.#path, name));
    mkdirSync(join(this.#path, "one", "folder"));
    writeFileSync(join(this.#path, "one", "roots.pem"), `${rootCertificates[0]}\n`);
    symlinkSync(resolve(file as string), join(this.#path, "all", "roots.pem"));
    symlinkSync(folder === undefined ? "../one/folder" : resolve(folder), join(this.#path, "all", "folder"));
    this.#lead();
    this.variables = {
      [FILE]: join(this.#path, "now", "roots.pem"),
      [FOLDER]: join(this.#path, "now", "folder"),
    };
  }

  /** All certificates are there until the returned function is called (Z1). */
  need(): () => void {
    this.#needs++;
    this.#lead();
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      this.#needs--;
      this.#lead();
    };
  }

  /** A policy for the agent's commands; one that inherits all variables of Codex has those that Codex would have (Z3). */
  forCommands(policy: JsonObject): JsonObject {
    if (policy.inherit !== "all") return policy;
    const { exclude, set } = policy;
    return {
      ...policy,
      exclude: [...(Array.isArray(exclude) ? exclude : []), FILE, FOLDER],
      set: { ...this.#own, ...(isObject(set) ? set : {}) },
    };
  }

  [Symbol.dispose](): void {
    this.#isGone = true;
    removeOwnFolder(this.#path);
  }

  /** In one step: Codex may be reading. */
  #lead(): void {
    if (this.#isGone) return;
    const next = join(this.#path, "next");
    symlinkSync(this.#needs > 0 || !this.#mayDoWithOne ? "all" : "one", next);
    renameSync(next, join(this.#path, "now"));
  }
}
