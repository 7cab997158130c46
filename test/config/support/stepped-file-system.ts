/** The file system, with a look at every call before it is made, so that a test can fail or end there. */
import { type ConfigFileSystem, nodeFileSystem } from "../../../src/config/file/file-system.ts";

/**
 * @param before sees the number of the call, from 1, its name and its first argument; what it throws is what the call
 *   fails with
 */
export function steppedFileSystem(
  before: (step: number, name: string, first: unknown) => void | Promise<void>,
): ConfigFileSystem {
  let step = 0;
  const wrap = <T extends object>(inner: T): T =>
    new Proxy(inner, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== "function" || typeof name !== "string") return member;
        return async (...given: unknown[]): Promise<unknown> => {
          const call = async (): Promise<unknown> => Reflect.apply(member, target, given) as unknown;
          // A handle whose close fails is closed all the same.
          if (name === "close") await call();
          await before(++step, name, given[0]);
          if (name === "close") return undefined;
          const result = await call();
          return name === "open" ? wrap(result as object) : result;
        };
      },
    });
  // Not the module itself: its members cannot be replaced.
  return wrap({ ...nodeFileSystem });
}
