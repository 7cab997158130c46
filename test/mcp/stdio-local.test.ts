/** MCP stdio servers on this machine. */
import { LocalExecutor } from "../../src/executor/local/local-executor.ts";
import { LocalStdioLauncher } from "../../src/mcp/index.ts";
import { stdioServerSuite } from "./stdio-servers.ts";

stdioServerSuite({
  environment: "local",
  expects: {
    gracefulEnd: true,
    detachedEnds: true,
    orphansEnd: true,
    prependsPath: false,
    extraVariables: ["SWITCHYARD_LEASE"],
  },
  start: async ({ dir, host }) => {
    const executor = new LocalExecutor({ env: {} });
    return {
      launcher: new LocalStdioLauncher({ executor, env: host, cwd: dir }),
      [Symbol.asyncDispose]: () => executor[Symbol.asyncDispose](),
    };
  },
});
