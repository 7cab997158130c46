/** Opens links to an executor: at a URL, or over the pipes of a program. */
import { type Duplex, Readable, Writable } from "node:stream";
import type { ClientOptions, WebSocket as Socket } from "ws";
import { type Clock, systemClock } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import { ProcessStderr } from "../../process/stderr.ts";
import { ExecutorError } from "../errors.ts";
import type { ExecutorProcess } from "../executor.ts";
import { LocalExecutor } from "../local/local-executor.ts";
import type { Link, LinkEvents } from "../wire/link.ts";
import { isLoopback } from "../wire/loopback.ts";
import { MESSAGE_BYTES_MAX } from "../wire/protocol.ts";
import { StdioLink } from "../wire/stdio-link.ts";
import { WebSocketLink } from "../wire/websocket-link.ts";

/** The result of an attempt. After a final failure another attempt would fail too. */
export type OpenOutcome =
  | { readonly kind: "open"; readonly link: Link }
  | { readonly kind: "failed"; readonly error: ExecutorError; readonly final: boolean };

export interface LinkOpener extends AsyncDisposable {
  /** The URL or command, for messages. */
  readonly target: string;
  /** Whether a session can be resumed over another link; the end of pipes is the end of their program. */
  readonly resumable: boolean;
  /** Never rejects. */
  open(events: LinkEvents, signal: AbortSignal): Promise<OpenOutcome>;
}

export interface WebSocketOpenerOptions {
  /** The address of the executor: `ws://` or `wss://`. */
  readonly url: string;
  /** Sent as `Authorization: Bearer`. */
  readonly bearerToken?: string;
  /** Milliseconds until a connection has to stand. @default 10 000 */
  readonly connectTimeoutMs?: number;
  /** Time, for tests. */
  readonly clock?: Clock;
}

/** After a closing frame the other side has so long to close the connection, in milliseconds; then we do. */
const CLOSE_MS = 1_000;
/** A refusal is a sentence; a longer body is a web page. */
const REFUSAL_BYTES_MAX = 1024;

export function websocketOpener(options: WebSocketOpenerOptions): LinkOpener {
  const { url, bearerToken, connectTimeoutMs = 10_000, clock = systemClock } = options;
  const target = shownUrl(url);
  const unusable = whyUnusable(url, bearerToken);
  return {
    target,
    resumable: true,
    open: async (events, signal) => {
      // Loaded here: most hosts have no executor at a URL.
      const { WebSocket } = await import("ws");
      return await new Promise((resolve) => {
        const refuse = (why: string, final: boolean, cause?: unknown): void => {
          const message = `Cannot connect to the executor at ${target}: ${why}`;
          const error = new ExecutorError("executor_unreachable", message, { cause });
          resolve({ kind: "failed", error, final });
        };
        if (unusable !== undefined) return refuse(unusable, true);
        // `closeTimeout` is known to ws, and not yet to its types.
        const socketOptions: ClientOptions & { readonly closeTimeout: number } = {
          perMessageDeflate: false,
          maxPayload: MESSAGE_BYTES_MAX,
          followRedirects: false,
          headers: bearerToken === undefined ? {} : { Authorization: `Bearer ${bearerToken}` },
          closeTimeout: CLOSE_MS,
        };
        let socket: Socket;
        try {
          socket = new WebSocket(url, socketOptions);
        } catch (error) {
          // For a URL with a fragment, or a token that a header cannot hold.
          return refuse(describe(error as Error), true, error);
        }
        const fail = (why: string, final: boolean, cause?: unknown): void => {
          settle();
          socket.on("error", () => {});
          socket.terminate();
          refuse(why, final, cause);
        };
        const onAbort = (): void => fail("given up", true, signal.reason);
        const timer = clock.schedule(connectTimeoutMs, () =>
          fail(`no answer within ${connectTimeoutMs} ms`, false),
        );
        const settle = (): void => {
          timer.clear();
          signal.removeEventListener("abort", onAbort);
          socket.removeAllListeners();
        };
        socket.once("error", (error) => fail(describe(error), false, error));
        socket.once("close", () => fail("the connection was closed", false));
        socket.once("unexpected-response", (_request, response) => {
          const status = response.statusCode ?? 0;
          // Another attempt may find a proxy in another state, but has the same token.
          const final = status >= 400 && status < 500 && status !== 408 && status !== 429;
          let body = "";
          response.setEncoding("utf8");
          response.on("data", (chunk: string) => {
            if (body.length < REFUSAL_BYTES_MAX) body += chunk;
          });
          response.once("close", () => fail(refusal(status, body), final));
        });
        let stream: Duplex | undefined;
        socket.once("upgrade", (response) => {
          stream = response.socket;
        });
        socket.once("open", () => {
          if (stream === undefined) return fail("it opened without an upgrade", true);
          settle();
          const { host: peer } = new URL(url);
          resolve({
            kind: "open",
            link: new WebSocketLink({ socket, stream, role: "client", peer }, events),
          });
        });
        if (signal.aborted) onAbort();
        else signal.addEventListener("abort", onAbort, { once: true });
      });
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** As in Codex, a token is sent over TLS only, or to this machine. */
function whyUnusable(url: string, bearerToken: string | undefined): string | undefined {
  const parsed = URL.parse(url);
  if (parsed === null) return "it is not a URL";
  if (parsed.protocol !== "ws:" && parsed.protocol !== "wss:")
    return "its URL must begin with ws:// or wss://";
  if (bearerToken === undefined || parsed.protocol === "wss:") return undefined;
  const host = parsed.hostname.replace(/^\[|\]$/g, "");
  if (host === "localhost" || isLoopback(host)) return undefined;
  return "a bearer token is sent over wss:// only, or to this machine";
}

/** Without the parts that may be secret. */
function shownUrl(url: string): string {
  const { protocol, host, pathname } = URL.parse(url) ?? { protocol: "", host: "?", pathname: "" };
  return `${protocol}//${host}${pathname === "/" ? "" : pathname}`;
}

function describe(error: Error): string {
  const { code } = error as NodeJS.ErrnoException;
  return error.message === "" ? (code ?? error.name) : error.message;
}

function refusal(status: number, body: string): string {
  const text = body.trim().slice(0, REFUSAL_BYTES_MAX);
  const words = text === "" || text.startsWith("<") ? "" : ` (${text})`;
  return `it answered with HTTP status ${status}${words}${status === 401 ? "; check its bearer token" : ""}`;
}

export interface ProgramOpenerOptions {
  /** The program that speaks the protocol on its stdin and stdout. */
  readonly program: string;
  /** Its arguments. */
  readonly args: readonly string[];
  /** Added to the environment of this process, as in Codex: `ssh` needs its agent. */
  readonly env: Readonly<Record<string, string>>;
  /** The folder it starts in. */
  readonly cwd: string;
  /** Receives what it writes to stderr. */
  readonly onStderr?: (text: string) => void;
}

/** Starts an executor that uses its own pipes, such as `switchyard executor --listen stdio`. */
export function programOpener(options: ProgramOpenerOptions): LinkOpener {
  const local = new LocalExecutor();
  const target = [options.program, ...options.args].join(" ");
  return {
    target,
    resumable: false,
    open: async (events, signal) => {
      try {
        const child = await local.start(
          {
            argv: [options.program, ...options.args],
            cwd: options.cwd,
            env: options.env,
            envPolicy: { inherit: "all", ignoreDefaultExcludes: true, exclude: [], set: {}, includeOnly: [] },
            pipeStdin: true,
          },
          { signal },
        );
        return { kind: "open", link: linkTo(child, events, options.onStderr) };
      } catch (error) {
        const why = messageOf(error);
        const message = `Cannot start the executor "${target}": ${why}`;
        const failure = new ExecutorError("executor_unreachable", message, { cause: error });
        return { kind: "failed", error: failure, final: true };
      }
    },
    [Symbol.asyncDispose]: () => local[Symbol.asyncDispose](),
  };
}

function linkTo(
  child: ExecutorProcess,
  events: LinkEvents,
  onStderr: (text: string) => void = () => {},
): Link {
  const stderr = new ProcessStderr();
  let how = "";
  async function* stdout(): AsyncGenerator<Uint8Array> {
    for await (const event of child.events()) {
      if (event.type === "exited") how = `exit code ${event.exitCode}`;
      if (event.type !== "output") continue;
      if (event.stream === "stdout") yield event.chunk;
      else {
        stderr.push(event.chunk);
        onStderr(Buffer.from(event.chunk).toString("utf8"));
      }
    }
  }
  const output = new Writable({
    write: (chunk: Buffer, _encoding, done) => void hand(child, chunk, done),
  });
  // Not in object mode, which would wait after each chunk.
  const input = Readable.from(stdout(), { objectMode: false });
  return new StdioLink(
    { input, output, onOver: () => void child.terminate() },
    {
      ...events,
      onEnd: (reason) => {
        stderr.end();
        const words = stderr.lastWords === undefined ? "" : `; its last words: ${stderr.lastWords}`;
        events.onEnd(how === "" ? reason : `it ended with ${how}${words}`);
      },
    },
  );
}

async function hand(child: ExecutorProcess, chunk: Uint8Array, done: (error?: Error) => void): Promise<void> {
  let failure: Error | undefined;
  try {
    await child.write(chunk);
  } catch (error) {
    failure = error as Error;
  }
  done(failure);
}
