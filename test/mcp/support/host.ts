/**
 * A host of its own process: it opens threads on the servers it is told, says when all are ready, and stays until it is killed.
 *
 * Its first argument is JSON: `{ servers, environments, threads }`.
 */
import { McpManager } from "../../../src/mcp/index.ts";

const { servers, environments, threads } = JSON.parse(process.argv[2] ?? "{}") as {
  readonly servers: Parameters<McpManager["openThread"]>[0]["servers"];
  readonly environments: NonNullable<ConstructorParameters<typeof McpManager>[0]>["environments"];
  readonly threads: number;
};
const manager = new McpManager({ environments: environments ?? [], publish: false });
const opened = Array.from({ length: threads }, () =>
  manager.openThread({ servers, workspace: process.cwd() }),
);
const states = await Promise.all(opened.map((thread) => thread.ready()));
console.log(JSON.stringify(states.flat().map(({ name, status }) => [name, status])));
setInterval(() => {}, 1e9);
