/** MCP stdio servers at the real `codex exec-server`, by our client. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { findCodex } from "../../src/codex/app-server/binary.ts";
import { stdioServerSuite } from "./stdio-servers.ts";
import { startExecutorPlace } from "./support/executor-place.ts";

stdioServerSuite({
  environment: "codex-box",
  // It sends SIGKILL to the process group at once, as long as its leader lives, and can neither close stdin nor find
  // what left the group.
  expects: {
    gracefulEnd: false,
    detachedEnds: false,
    orphansEnd: false,
    prependsPath: true,
    extraVariables: [],
  },
  start: (machine) => {
    const home = join(machine.dir, "codex-home");
    mkdirSync(home, { recursive: true });
    return startExecutorPlace("codex-box", machine, {
      argv: [findCodex(undefined, process.env).path, "exec-server", "--listen", "ws://127.0.0.1:0"],
      env: { ...machine.env, CODEX_HOME: home },
    });
  },
});
