/**
 * What the managed threads of one `Codex` share: the manager that owns their MCP servers, and the gateway by which Codex reaches
 * them. Both are made when the first thread needs them.
 *
 * Invariants
 *   H1. When disposal returns, every server of a managed thread has ended, unless it belongs to a manager of the host's.
 */
import type { Clock } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import type { Redactor } from "../../base/redact.ts";
import type { Gateway } from "../../gateway/index.ts";
import type { CredentialSource, EnvironmentDefinition, McpManager } from "../../mcp/index.ts";
import type { Variables } from "../../servers/resolve.ts";
import type { Loopback } from "../relayed/loopback.ts";

export interface ManagedHostOptions {
  /** Made and ended by somebody else. @default one of our own */
  readonly manager: McpManager | undefined;
  /** Of our own manager, when it is made. */
  readonly environments: () => readonly EnvironmentDefinition[];
  /** Asked for the tokens of logins. @default the user's own logins, for threads without a principal */
  readonly credentials: CredentialSource | undefined;
  /** Where Codex keeps the user's logins. */
  readonly codexHome: string;
  /** Where the gateway listens. */
  readonly loopback: Loopback;
  readonly redactor: Redactor;
  readonly env: Variables;
  readonly clock: Clock;
  readonly log: Log;
}

/** The two, ready for use. */
export interface ManagedParts {
  readonly manager: McpManager;
  readonly gateway: Gateway;
}

interface OwnManager extends AsyncDisposable {
  readonly manager: McpManager;
}

interface OpenParts extends ManagedParts {
  readonly own: OwnManager | undefined;
}

export class ManagedHost implements AsyncDisposable {
  readonly #options: ManagedHostOptions;
  readonly #ending = new Set<Promise<void>>();
  #opening: Promise<OpenParts> | undefined;

  constructor(options: ManagedHostOptions) {
    this.#options = options;
  }

  get clock(): Clock {
    return this.#options.clock;
  }

  /** @throws {GatewayError} it cannot listen */
  parts(): Promise<ManagedParts> {
    this.#opening ??= this.#open();
    return this.#opening;
  }

  /** The servers of a thread are ending. */
  ending(end: Promise<void>): void {
    const settled = end.catch(() => {}).finally(() => this.#ending.delete(settled));
    this.#ending.add(settled);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#ending);
    const parts = await this.#opening?.catch(() => undefined);
    await parts?.gateway[Symbol.asyncDispose]();
    await parts?.own?.[Symbol.asyncDispose]();
  }

  async #open(): Promise<OpenParts> {
    const { manager, loopback, clock, log } = this.#options;
    // Loaded here: a host whose threads are all direct does without it.
    const { gatewayOn } = await import("../../gateway/gateway.ts");
    const own = manager === undefined ? await this.#ownManager() : undefined;
    const gateway = gatewayOn(await loopback.listener(), { clock, log });
    return { gateway, manager: manager ?? (own as OwnManager).manager, own };
  }

  async #ownManager(): Promise<OwnManager> {
    const [{ legacyFirst, McpManager }, { HostLogins }] = await Promise.all([
      import("../../mcp/index.ts"),
      import("../../mcp/auth/host-logins.ts"),
    ]);
    const { environments, credentials: given, codexHome, redactor, env, clock, log } = this.#options;
    const hide = (secret: string): (() => void) => redactor.add(secret);
    const ofLogins = { ...env, CODEX_HOME: codexHome };
    const credentials = new HostLogins({ credentials: given, env: ofLogins, log, clock, hide });
    const manager = new McpManager({
      environments: environments(),
      credentials,
      eras: legacyFirst(() => clock.now()),
      background: true,
      env,
      clock,
      log,
    });
    return {
      manager,
      [Symbol.asyncDispose]: async () => {
        await manager[Symbol.asyncDispose]();
        await credentials[Symbol.asyncDispose]();
      },
    };
  }
}
