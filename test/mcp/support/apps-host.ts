/**
 * A host that lists the apps of an account and is killed while it keeps the list: with half a file written, or right before
 * the file gets its name. Its argument is JSON: `{ baseUrl, accountId, catalogFolder, at }`.
 */
import { writeFileSync } from "node:fs";
import files from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { McpManager, withAppsServer } from "../../../src/mcp/index.ts";

const { baseUrl, accountId, catalogFolder, at } = JSON.parse(process.argv[2] ?? "{}") as {
  readonly baseUrl: string;
  readonly accountId: string;
  readonly catalogFolder: string;
  readonly at: "write" | "rename";
};
const kill = (): never => {
  process.kill(process.pid, "SIGKILL");
  throw new Error("It lives");
};
const killed = {
  write: (path: string, text: string) => {
    writeFileSync(path, text.slice(0, text.length / 2));
    kill();
  },
  rename: kill,
};
Object.assign(files, at === "write" ? { writeFile: killed.write } : { rename: killed.rename });
syncBuiltinESMExports();

const manager = new McpManager({ catalogFolder, publish: false });
const auth = { allowsApps: true, baseUrl, accountId, userId: "user", token: () => "the-token" } as const;
await manager.openThread(withAppsServer({}, auth)).ready();
setInterval(() => {}, 1e9);
