/**
 * From options to the parameters of `thread/start`, `thread/resume` and `turn/start`.
 *
 * Codex does not store the configuration of a thread, so every start, resume and fork sends all of it (measured with
 * 0.169: a resume without it silently loses the servers). A fingerprint of what was sent is compared between turns; if
 * it differs, the thread is loaded anew.
 *
 * Invariants
 *   F1. A repository is never trusted because a thread works in it: the directory, its repository and everything
 *       between are sent as untrusted, so Codex neither records trust nor starts the repository's servers.
 *   F2. The agent's commands see a minimal environment and the thread's `env`, unless options say otherwise.
 *   F3. Configuration holds secrets. It is sent over the pipe and kept in memory; nothing here writes it anywhere.
 */
import { resolve } from "node:path";
import { isObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import { messageOf } from "../../base/errors.ts";
import { isRemovedDirectory, REMOVED_DIRECTORY } from "../../base/working-directory.ts";
import type { Input, ThreadOptions } from "../../thread/options.ts";
import { providerVariables } from "../../base/variables.ts";
import type { ConfiguredProviders } from "../../config/layers/model-providers.ts";
import { assign, codexConfig } from "../config-values.ts";
import { CodexError } from "../errors.ts";
import { fillInProviders } from "../providers.ts";
import { reachesOut } from "../app-server/certificates.ts";
import { modelProviderOf, OURS } from "../relayed/model-provider.ts";
import type { RelayedSpec } from "../relayed/relayed-model.ts";
import { processFeatures } from "../app-server/features.ts";
import { checkedServers, type DirectServer, directServers } from "../direct/servers.ts";
import type { ManagedSpec } from "../managed/managed-servers.ts";
import type { CodexOptions } from "../options.ts";
import type { ApprovalPolicy, ThreadStartParams, WireInput } from "../app-server/protocol.ts";
import { isDirectory, untrustedDirectories } from "./untrusted-directories.ts";

/** Everything a thread is opened with, ready to be sent. */
export interface ThreadSpec {
  readonly start: ThreadStartParams;
  /** As Codex's own client would run them. */
  readonly servers: readonly DirectServer[];
  /** The same, where we run them. */
  readonly managed: ManagedSpec | undefined;
  /** Where we ask the model. */
  readonly relayed: RelayedSpec | undefined;
  /** The key that Codex has to log in with first. */
  readonly loginKey: string | undefined;
  /** Whether Codex reaches other machines itself, or starts what does, and so needs the machine's certificates. */
  readonly reachesOut: boolean;
  readonly secrets: readonly string[];
}

const NOTHING_CONFIGURED: ConfiguredProviders = {
  selected: undefined,
  tables: undefined,
  openaiBaseUrl: undefined,
};

/**
 * @param env where references in server configurations are looked up
 * @param home what the files of Codex's home say about model providers
 * @throws {CodexError} `invalid_options`, naming the option
 */
export function buildThreadSpec(
  codex: CodexOptions,
  thread: ThreadOptions,
  env: Readonly<Record<string, string | undefined>>,
  home: () => ConfiguredProviders = () => NOTHING_CONFIGURED,
): ThreadSpec {
  const cwd = checkDirectory(thread.workingDirectory ?? ".");
  const config = codexConfig(codex);
  const shared = config.features;
  delete config.features;
  for (const [key, value] of Object.entries(thread.config ?? {})) assign(config, key, value);
  const mcp = thread.mcp ?? codex.mcp ?? "direct";
  // Switches for all threads are flags of the process: see `features.ts`.
  const hasMore = isObject(shared) && Object.values(shared).some((value) => typeof value !== "boolean");
  if (isObject(config.features) || hasMore || mcp !== (codex.mcp ?? "direct")) {
    config.features = {
      ...processFeatures({ ...codex, mcp }),
      ...(isObject(shared) ? shared : {}),
      ...(isObject(config.features) ? config.features : {}),
    };
  }
  // Code written for the SDK puts servers here; they count if the thread has no `mcpServers`.
  const fromConfig = config.mcp_servers;
  delete config.mcp_servers;

  const approvalPolicy: ApprovalPolicy =
    thread.approvalPolicy === "on-failure" ? "on-request" : (thread.approvalPolicy ?? "never");
  const at = thread.mcpServers === undefined ? ["config", "mcp_servers"] : ["mcpServers"];
  const checked = checkedServers(thread.mcpServers ?? fromConfig ?? {}, at);
  const servers = directServers(checked, {
    env,
    at,
    defaultApproval: approvalPolicy === "never" ? "approve" : undefined,
    cwd,
  });
  const { principal, provenance, onMcpServer } = thread;
  // A thread without servers costs nothing of ours.
  const managed =
    mcp === "managed" && servers.length > 0
      ? { configs: checked.configs, workspace: cwd, principal, provenance, env, onMcpServer }
      : undefined;
  // By default Codex silently leaves out a server that is not ready after a second. 0 means: wait for it.
  config.mcp_optional_startup_grace_ms = 0;
  config.projects = Object.fromEntries(
    untrustedDirectories(cwd).map((directory) => [directory, { trust_level: "untrusted" }]),
  );
  if (thread.modelReasoningEffort !== undefined) config.model_reasoning_effort = thread.modelReasoningEffort;
  const webSearch = thread.webSearchMode ?? webSearchOf(thread.webSearchEnabled);
  if (webSearch !== undefined) config.web_search = webSearch;
  if (thread.networkAccessEnabled !== undefined) {
    assign(config, "sandbox_workspace_write.network_access", thread.networkAccessEnabled);
  }
  if (thread.additionalDirectories !== undefined && thread.additionalDirectories.length > 0) {
    const roots = thread.additionalDirectories.map((directory) => resolve(cwd, directory));
    assign(config, "sandbox_workspace_write.writable_roots", roots);
  }
  config.shell_environment_policy = commandEnvironment(codex, thread, config.shell_environment_policy, () =>
    providerVariables(home().tables),
  );

  const start: ThreadStartParams = { cwd, approvalPolicy, config };
  const secrets = [...servers.flatMap((server) => server.secrets), ...fillInProviders(config, env)];
  const provider = modelProviderOf({ codex, thread, config, env, home });
  const relayed = provider.kind === "relayed" ? provider.relayed : undefined;
  if (provider.kind === "direct") assign(config, `model_providers.${provider.id}`, provider.provider);
  // What we know of it takes its place when the thread is opened.
  if (relayed !== undefined && relayed.id !== OURS && isObject(config.model_providers))
    delete config.model_providers[relayed.id];
  if (provider.kind !== "configured") {
    start.modelProvider = relayed?.id ?? OURS;
    const apiKey = thread.apiKey ?? codex.apiKey;
    if (apiKey !== undefined) secrets.push(apiKey);
  }
  if (thread.model !== undefined) start.model = thread.model;
  // In the user's own home, their own setting stays the default.
  if (thread.sandboxMode !== undefined || codex.home !== "user")
    start.sandbox = thread.sandboxMode ?? "read-only";
  if (thread.ephemeral === true) start.ephemeral = true;
  if (thread.threadSource !== undefined) start.threadSource = thread.threadSource;
  return {
    start,
    servers,
    managed,
    relayed,
    // The built-in provider gets the key by login, one of ours with the configuration of each thread.
    loginKey: provider.kind === "configured" ? codex.apiKey : undefined,
    reachesOut:
      relayed === undefined ||
      (mcp === "direct" &&
        servers.length > 0 &&
        (codex.mcp === "managed" || servers.some(needsCertificates))) ||
      reachesOut(Object.keys(config), config.features),
    secrets,
  };
}

/** A stdio server is started with the certificates of Codex. Logins of others are known where all threads are direct: see `certificates.ts`. */
function needsCertificates({ config: { url }, enabled }: DirectServer): boolean {
  const { protocol, hostname = "" } = (typeof url === "string" ? URL.parse(url) : null) ?? {};
  return enabled && !(protocol === "http:" && /^(?:localhost|127\.[\d.]+|\[::1\])$/.test(hostname));
}

/** As `codex exec` sends it: images first, then the text parts as one. */
export function buildInput(input: Input): WireInput[] {
  if (typeof input === "string") return [{ type: "text", text: input, text_elements: [] }];
  const images = input.filter((part) => part.type === "local_image");
  const texts = input.filter((part) => part.type === "text");
  const wire: WireInput[] = images.map((image) => ({ type: "localImage", path: resolve(image.path) }));
  if (texts.length > 0) {
    wire.push({ type: "text", text: texts.map((part) => part.text).join("\n\n"), text_elements: [] });
  }
  return wire;
}

function checkDirectory(directory: string): string {
  let path: string;
  try {
    path = resolve(directory);
  } catch (error) {
    const why = isRemovedDirectory(error) ? REMOVED_DIRECTORY : messageOf(error);
    throw new CodexError("invalid_options", `workingDirectory: ${why}`, { option: "workingDirectory" });
  }
  if (!isDirectory(path)) {
    throw new CodexError("invalid_options", `workingDirectory "${directory}" is not a directory`, {
      option: "workingDirectory",
    });
  }
  return path;
}

function webSearchOf(enabled: boolean | undefined): "live" | "disabled" | undefined {
  if (enabled === undefined) return undefined;
  return enabled ? "live" : "disabled";
}

function commandEnvironment(
  codex: CodexOptions,
  thread: ThreadOptions,
  configured: JsonValue | undefined,
  homeVariables: () => readonly string[],
): JsonObject {
  const policy: JsonObject = {
    inherit: codex.env === undefined ? "core" : "all",
    ...(isObject(configured) ? configured : {}),
  };
  // The thread's own options win over the configuration of all threads.
  if (thread.inheritEnv !== undefined) policy.inherit = thread.inheritEnv ? "all" : "core";
  // The process has them for the model. A host that gives it an environment of its own shows all of that to commands.
  const withheld = policy.inherit === "all" && codex.env === undefined ? homeVariables() : [];
  if (withheld.length > 0)
    policy.exclude = [...(Array.isArray(policy.exclude) ? policy.exclude : []), ...withheld];
  if (thread.env !== undefined) policy.set = { ...(isObject(policy.set) ? policy.set : {}), ...thread.env };
  return policy;
}
