/** One placement while a suite runs on it, and what the parts of the suite share. */
import assert from "node:assert/strict";
import { SdkError, SdkErrorCode } from "@modelcontextprotocol/client";
import { TransportError } from "../../../src/mcp/index.ts";
import { NODE_VARIABLES } from "../../support/command.ts";
import { Connected, type ConnectOptions, Launched, type LaunchOptions, type Wanted } from "./connected.ts";
import { createMachine, type Machine, type Place, type Placement } from "./placement.ts";

/** Found in PATH. */
export const everything: Wanted = {
  command: "mcp-server-everything",
  env: { NODE_COMPILE_CACHE: NODE_VARIABLES.NODE_COMPILE_CACHE },
};
/** Three bytes each, so that no power of two falls between two of them. */
export const EUROS: string = "€".repeat(100_000);
export const TIMEOUT_MS = 60_000;

/** What the tool `whoami` of our server tells. */
export interface Identity {
  readonly pid: number;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | null>>;
}

export class Site {
  readonly placement: Placement;
  /** Whether the servers run on the host itself. */
  readonly isHost: boolean;
  #open: { readonly machine: Machine; readonly place: Place } | undefined;

  constructor(placement: Placement) {
    this.placement = placement;
    this.isHost = placement.environment === "local";
  }

  async open(): Promise<void> {
    const machine = createMachine({ isHost: this.isHost });
    this.#open = { machine, place: await this.placement.start(machine) };
  }

  async close(): Promise<void> {
    await this.#open?.place[Symbol.asyncDispose]();
    this.#open?.machine[Symbol.dispose]();
  }

  get machine(): Machine {
    return this.#opened.machine;
  }

  launch(wanted: Wanted, options: LaunchOptions = {}): Promise<Launched> {
    const { machine, place } = this.#opened;
    return Launched.launch(place.launcher, wanted, { workspace: machine.dir, ...options });
  }

  connect(wanted: Wanted, options: ConnectOptions = {}): Promise<Connected> {
    const { machine, place } = this.#opened;
    return Connected.connect(place.launcher, wanted, {
      ...options,
      launch: { workspace: machine.dir, ...options.launch },
    });
  }

  /** PATH without what the executor puts in front of it. */
  ownPath(path: string | null | undefined): string {
    const own = this.machine.env["PATH"] ?? "";
    assert.ok(path?.endsWith(own), `PATH is ${path}`);
    assert.equal(path !== own, this.placement.expects.prependsPath);
    return own;
  }

  get #opened(): { readonly machine: Machine; readonly place: Place } {
    if (this.#open === undefined) throw new Error("not open");
    return this.#open;
  }
}

/** How calls fail when the transport has ended; the reason goes to `onerror`. */
export function isClosed(error: unknown): true {
  assert.ok(error instanceof SdkError || error instanceof TransportError, String(error));
  if (error instanceof SdkError) assert.equal(error.code, SdkErrorCode.ConnectionClosed);
  return true;
}
