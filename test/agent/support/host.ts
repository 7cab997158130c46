/** An agent in a process of its own, for tests that kill it: `node host.ts '{"baseUrl", "home", "resume"?, "input", "server"?}'`. */
import { Agent } from "../../../src/agent/index.ts";

const { baseUrl, home, resume, input, server } = JSON.parse(process.argv[2] ?? "{}") as {
  readonly baseUrl: string;
  readonly home: string;
  readonly resume?: string;
  readonly input: string;
  readonly server?: { readonly command: string; readonly args: string[] };
};
const agent = new Agent({ model: "test-model", baseUrl, apiKey: "sk-test", home, idleUnloadMs: 1e9 });
const options = server === undefined ? {} : { mcpServers: { svc: server } };
const thread = resume === undefined ? agent.startThread(options) : agent.resumeThread(resume, options);
const { events } = await thread.runStreamed(input);
for await (const event of events) process.stdout.write(`${JSON.stringify(event)}\n`);
process.stdout.write("idle\n");
setInterval(() => {}, 1e9);
