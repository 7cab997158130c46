/** `everything.ts` over stdio, in the era that its client speaks. */
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { createEverything, EverythingWorld } from "./everything.ts";

const world = new EverythingWorld();
serveStdio(() => {
  const mcp = createEverything(world);
  world.onChange = (list) => (list === "tools" ? mcp.sendToolListChanged() : mcp.sendPromptListChanged());
  return mcp;
});
