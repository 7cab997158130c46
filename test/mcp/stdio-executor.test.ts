/** MCP stdio servers at `switchyard executor`, by our client. */
import { MAIN } from "../support/command.ts";
import { stdioServerSuite } from "./stdio-servers.ts";
import { startExecutorPlace } from "./support/executor-place.ts";

stdioServerSuite({
  environment: "box",
  expects: {
    gracefulEnd: true,
    detachedEnds: true,
    orphansEnd: true,
    prependsPath: false,
    extraVariables: ["SWITCHYARD_LEASE"],
  },
  start: (machine) =>
    startExecutorPlace("box", machine, {
      argv: [process.execPath, MAIN, "executor", "--listen", "ws://127.0.0.1:0"],
      env: machine.env,
    }),
});
