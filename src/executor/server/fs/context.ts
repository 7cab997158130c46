/** What the methods `fs/*` of one link share: the fence, the check of a wanted sandbox, and the turns. */
import { Semaphore } from "../../../base/semaphore.ts";
import { isObject } from "../../../base/json.ts";
import { rpcError } from "../../wire/protocol.ts";
import type { MethodContext } from "../method.ts";
import { toRpcError } from "../system-rpc-error.ts";
import { Fence, type FenceOptions } from "./fence.ts";

export interface FsContextOptions extends FenceOptions {
  /** Work without a sandbox even when a client asks for one. @default false */
  readonly ignoreSandbox?: boolean;
}

/** So many requests of one link are at the file system at once; the others of this process want their turn too. */
const AT_WORK_MAX = 8;

export class FsContext {
  readonly fence: Fence;
  readonly #ignoreSandbox: boolean;
  readonly #turns = new Semaphore(AT_WORK_MAX);

  constructor(options: FsContextOptions) {
    this.fence = new Fence(options);
    this.#ignoreSandbox = options.ignoreSandbox === true;
  }

  /**
   * Without the sandbox that it asked for, a client would be less safe than it believes.
   *
   * @throws {RpcError} -32602, unless the sandbox allows everything
   */
  checkSandbox(wanted: unknown): void {
    if (this.#ignoreSandbox || wanted === undefined || isFullAccess(wanted)) return;
    throw rpcError(
      "invalidParams",
      "sandbox is not supported by this executor: it works with files without one " +
        "(switchyard executor --ignore-sandbox does it all the same)",
    );
  }

  /** Does something in its turn. @throws {RpcError} in place of an error of the operating system */
  async work<T>({ signal }: MethodContext, run: () => Promise<T>): Promise<T> {
    const done = await this.#turns.acquire(signal);
    try {
      return await run();
    } catch (error) {
      throw toRpcError(error);
    } finally {
      done();
    }
  }
}

/** As 0.169 decides: profiles that leave the protection of files to others, or have none. */
function isFullAccess(wanted: unknown): boolean {
  const permissions = memberOf(wanted, "permissions");
  switch (memberOf(permissions, "type")) {
    case "disabled":
    case "external":
      return true;
    case "managed":
      return memberOf(memberOf(permissions, "file_system"), "type") === "unrestricted";
    default:
      return false;
  }
}

function memberOf(value: unknown, name: string): unknown {
  return isObject(value) ? value[name] : undefined;
}
