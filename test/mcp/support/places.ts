/** Where a server can be, as a thread's configuration says it; and the scripted server there. */
import type { EnvironmentDefinition, McpManagerOptions, McpThreadOptions } from "../../../src/mcp/index.ts";
import type { McpConnectionManager } from "../../../src/mcp/index.ts";
import { startExecutorProcess } from "../../executor/support/executor-process.ts";
import { startCodexExecServer } from "../../executor/support/subjects.ts";
import { ScriptedHttpServer } from "./scripted-http.ts";
import { McpBench, type Script, starts } from "./scripted.ts";

export interface Place {
  readonly name: string;
  readonly isHttp: boolean;
  /** Whether a request over HTTP goes on after it was given up: the executor cannot be told. @default false */
  readonly keepsRequests?: boolean;
  /** Starts the executor of the place, where it has one. */
  readonly startExecutor?: () => Promise<{ readonly url: string } & AsyncDisposable>;
}

const BOX = "box";
const own = (): ReturnType<typeof startExecutorProcess> =>
  startExecutorProcess(["--listen", "ws://127.0.0.1:0"]);

export const PLACES: readonly Place[] = [
  { name: "a process of this machine", isHttp: false },
  { name: "a process on a switchyard executor", isHttp: false, startExecutor: own },
  { name: "a process on a codex exec-server", isHttp: false, startExecutor: () => startCodexExecServer() },
  { name: "HTTP from this machine", isHttp: true },
  { name: "HTTP from a switchyard executor", isHttp: true, startExecutor: own },
  {
    name: "HTTP from a codex exec-server",
    isHttp: true,
    keepsRequests: true,
    startExecutor: () => startCodexExecServer(["--concurrent-requests", "8"]),
  },
];

/** A bench, and the scripted server at a place. */
export class Site implements AsyncDisposable {
  readonly bench: McpBench;
  readonly http: ScriptedHttpServer | undefined;
  /** For `servers` of a thread. */
  readonly server: { readonly url: string } | { readonly command: string; readonly args: readonly string[] };
  readonly #record: () => readonly string[];

  private constructor(
    bench: McpBench,
    http: ScriptedHttpServer | undefined,
    server: Site["server"],
    record: () => readonly string[],
  ) {
    this.bench = bench;
    this.http = http;
    this.server = server;
    this.#record = record;
  }

  /** @param executor the URL of the place's executor */
  static async open(
    { isHttp }: Place,
    executor: string | undefined,
    script: Pick<Script, "era" | "tools">,
    options: McpManagerOptions = {},
  ): Promise<Site> {
    const environments: EnvironmentDefinition[] =
      executor === undefined ? [] : [{ id: BOX, kind: "url", url: executor }];
    const bench = new McpBench({ environments, ...options });
    const where = executor === undefined ? {} : { environment_id: BOX };
    if (isHttp) {
      const http = await ScriptedHttpServer.start(script);
      return new Site(bench, http, { url: http.url, ...where }, () => http.record);
    }
    const { command, args, record } = bench.server(script);
    return new Site(bench, undefined, { command, args, cwd: bench.folder, ...where } as never, record);
  }

  open(options: Omit<McpThreadOptions, "servers"> = {}): McpConnectionManager {
    return this.bench.manager.openThread({ ...options, servers: { a: this.server } });
  }

  /** Lines of what the server got that begin so. */
  got(start: string): readonly string[] {
    return this.#record().filter((line) => line.startsWith(start));
  }

  get pids(): readonly number[] {
    return this.http === undefined ? starts(this.#record()) : [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.bench[Symbol.asyncDispose]();
    await this.http?.[Symbol.asyncDispose]();
  }
}
