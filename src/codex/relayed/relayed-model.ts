/**
 * The requests of one thread to its model, which we pass on, and what Codex is given of them: a URL on this machine and a bearer that is worth
 * nothing elsewhere.
 *
 * Invariants
 *   Q1. What Codex is given holds neither the key nor the URL of the model.
 *   Q2. URL and bearer of a thread stay the same until it is closed or unloaded, also when the key changes; afterwards they are refused.
 *   Q3. A message about the model has the URL of the model, and where it cannot be asked, why.
 */
import type { JsonObject } from "../../base/json.ts";
import type { Redactor } from "../../base/redact.ts";
import type { ModelWay, Upstream } from "../../gateway/relay/model-relay.ts";
import type { RelayHost } from "./relay-host.ts";

/** A model provider of Codex that leads to us, but for where and with what. */
export interface RelayedSpec {
  /** Of the provider, in `model_providers`. */
  readonly id: string;
  readonly upstream: Upstream;
  readonly provider: JsonObject;
}

interface Opened {
  readonly way: ModelWay;
  upstream: Upstream;
  /** The bearer is worth nothing any more. */
  readonly forget: () => void;
}

export class RelayedModel {
  readonly #host: RelayHost;
  readonly #redactor: Redactor;
  #opened: Opened | undefined;

  constructor(host: RelayHost, redactor: Redactor) {
    this.#host = host;
    this.#redactor = redactor;
  }

  /**
   * @returns the provider as Codex is given it
   * @throws {GatewayError} there is no socket to listen on
   */
  async prepare({ upstream, provider }: RelayedSpec): Promise<JsonObject> {
    const relay = await this.#host.relay();
    const opened = (this.#opened ??= this.#open(relay, upstream));
    const { way } = opened;
    opened.upstream = upstream;
    way.lead(upstream);
    return { ...provider, base_url: way.baseUrl, experimental_bearer_token: way.bearer };
  }

  /** What Codex says of the model, with the model's own URL, and why it cannot be asked (Q3). */
  inHostsWords(message: string): string {
    if (this.#opened === undefined) return message;
    const { way, upstream } = this.#opened;
    const named = message.replaceAll(way.baseUrl, upstream.baseUrl.href.replace(/\/+$/, ""));
    return way.failure === undefined ? named : `${named}: ${way.failure.message}`;
  }

  /** Whether the last request found no connection: Codex does not know it (Q3). */
  get isUnreachable(): boolean {
    return this.#opened?.way.failure?.isSent === false;
  }

  /** (Q2) Codex must not have the thread any more. */
  end(): void {
    this.#opened?.way.revoke();
    this.#opened?.forget();
    this.#opened = undefined;
  }

  #open(relay: { open(upstream: Upstream): ModelWay }, upstream: Upstream): Opened {
    const way = relay.open(upstream);
    return { way, upstream, forget: this.#redactor.add(way.bearer) };
  }
}
