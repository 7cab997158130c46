/**
 * Tools that only a separate process can have: dying in the middle of a call, and leaving children behind.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import type { TestTool } from "../mcp-tools.ts";
import { object, textOf } from "../mcp-tools.ts";

/** `exit`, `spawnChild`, `log` and `print`. */
export function stdioTools(): readonly TestTool[] {
  return [
    {
      name: "exit",
      description: "Ends the server with exit code `code`, without answering",
      inputSchema: object({ code: { type: "number" } }, []),
      run: (args) => process.exit(Number(args["code"] ?? 1)),
    },
    {
      name: "spawnChild",
      description: "Starts a process that lives until it is killed; `detached` gives it a group of its own",
      inputSchema: object({ detached: { type: "boolean" }, stubborn: { type: "boolean" } }, []),
      run: async (args) => {
        const stay = "setInterval(() => {}, 1e9); process.stdout.write('up')";
        const ignore = "process.on('SIGTERM', () => {}); process.on('SIGHUP', () => {});";
        const program = args["stubborn"] === true ? ignore + stay : stay;
        const child = spawn(process.execPath, ["-e", program], {
          detached: args["detached"] === true,
          stdio: ["ignore", "pipe", "ignore"],
        });
        await once(child.stdout, "data");
        // The server may end before its child: that is what the tool is for.
        child.stdout.destroy();
        child.unref();
        return JSON.stringify({ pid: child.pid });
      },
    },
    {
      name: "log",
      description: "Writes `text` to stderr",
      inputSchema: object({ text: { type: "string" } }),
      run: (args) => {
        process.stderr.write(`${textOf(args["text"])}\n`);
        return "logged";
      },
    },
    {
      name: "print",
      description: "Writes `text` and a line end to stdout, where only messages belong",
      inputSchema: object({ text: { type: "string" } }),
      run: (args) => {
        // Through the stream that messages take, so that it lands between two of them.
        process.stdout.write(`${textOf(args["text"])}\n`);
        return "printed";
      },
    },
  ];
}
