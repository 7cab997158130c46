/** `npm run bench -- <name> [flags]`: see README.md. */
import { benchConfig } from "./config.ts";
import { benchExecutor } from "./executor.ts";
import { benchGateway } from "./gateway.ts";
import { benchLoop } from "./loop.ts";
import { benchMcp } from "./mcp.ts";
import { benchParallel } from "./parallel.ts";
import { benchShared } from "./shared.ts";
import { benchSoak } from "./soak.ts";
import { benchThreads } from "./threads.ts";
import { benchTools } from "./tools.ts";

const BENCHMARKS: Readonly<Record<string, (args: string[]) => Promise<void>>> = {
  config: benchConfig,
  executor: benchExecutor,
  gateway: benchGateway,
  loop: benchLoop,
  mcp: benchMcp,
  parallel: benchParallel,
  shared: benchShared,
  threads: benchThreads,
  soak: benchSoak,
  tools: benchTools,
};

const [name = "", ...args] = process.argv.slice(2);
const run = Object.hasOwn(BENCHMARKS, name) ? BENCHMARKS[name] : undefined;
if (run === undefined) {
  const known = Object.keys(BENCHMARKS).join(", ");
  process.stderr.write(
    `There is no benchmark "${name}". Known: ${known}. bench/README.md says what they do.\n`,
  );
  process.exitCode = 2;
} else if (process.platform !== "linux") {
  process.stderr.write("The benchmarks read CPU and memory from /proc: they run on Linux only.\n");
  process.exitCode = 2;
} else {
  await run(args);
}
