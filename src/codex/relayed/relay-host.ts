/**
 * What the threads of one `Codex` share whose requests to the model we pass on: the relay, and the connections to models. Made when the first
 * of them needs it.
 */
import type { Clock } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import type { ModelRelay } from "../../gateway/relay/model-relay.ts";
import type { NodeFetch } from "../../mcp/http/node-fetch.ts";
import type { Variables } from "../../servers/resolve.ts";
import type { Loopback } from "./loopback.ts";
import { proxyEnvironment } from "./proxies.ts";

export interface RelayHostOptions {
  readonly loopback: Loopback;
  /** The certificates that are trusted, instead of the machine's. */
  readonly caFile: string | undefined;
  /** Where proxies and certificates are looked up. */
  readonly env: Variables;
  readonly clock: Clock;
  readonly log: Log;
}

interface OpenRelay {
  readonly relay: ModelRelay;
  readonly fetches: NodeFetch;
}

export class RelayHost implements AsyncDisposable {
  readonly #options: RelayHostOptions;
  #opening: Promise<OpenRelay> | undefined;

  constructor(options: RelayHostOptions) {
    this.#options = options;
  }

  /** @throws {GatewayError} it cannot listen */
  async relay(): Promise<ModelRelay> {
    this.#opening ??= this.#open();
    return (await this.#opening).relay;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const open = await this.#opening?.catch(() => undefined);
    open?.fetches[Symbol.dispose]();
  }

  async #open(): Promise<OpenRelay> {
    const { loopback, caFile, env, clock, log } = this.#options;
    const [listener, { ModelRelay: Relay }, { NodeFetch: Fetches }, { secureContextOf }] = await Promise.all([
      loopback.listener(),
      import("../../gateway/relay/model-relay.ts"),
      import("../../mcp/http/node-fetch.ts"),
      import("../../gateway/relay/trusted-certificates.ts"),
    ]);
    const secureContext = (): ReturnType<typeof secureContextOf> => secureContextOf({ caFile, env });
    const fetches = new Fetches({ clock, env: proxyEnvironment(env), background: true, secureContext });
    return { fetches, relay: new Relay(listener, { fetches, log }) };
  }
}
