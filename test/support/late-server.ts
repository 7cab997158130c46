/** A server that joins a thread late: the stdio test server, which does not read before a file is there. */
import { type StdioServerEntry, stdioServer } from "../../src/testing/index.ts";

/** @param file the server begins when it exists */
export function lateServer(file: string): StdioServerEntry & { readonly startup: "background" } {
  const { command, args, env } = stdioServer();
  const wait = 'until [ -e "$0" ]; do sleep 0.1; done; exec "$@"';
  return { command: "/bin/sh", args: ["-c", wait, file, command, ...args], env, startup: "background" };
}
