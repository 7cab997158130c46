/** Where our server differs from `codex exec-server` on purpose. Each must still occur in some scenario. */
import { isDeepStrictEqual } from "node:util";
import { isCodex } from "../../support/codex-version.ts";
import type { Deviation, Difference } from "./differences.ts";
import type { ProcessFact } from "./facts.ts";
import { membersOf, textOf } from "./rows.ts";

const ALWAYS: readonly Deviation[] = [
  {
    name: "a closing frame is answered with one",
    because: "the WebSocket protocol asks for it",
    covers: ({ name, expected, observed }) =>
      / closed #/.test(name) && isDeepStrictEqual([expected, observed], [{ code: 1006 }, { code: 1000 }]),
  },
  {
    name: "a process is asked to end before it is killed",
    because:
      "an MCP server must be able to save its state: stdin is closed, then SIGTERM, and SIGKILL only at last",
    covers: isGentleEnd,
  },
  {
    name: "too large a message is answered with a reason",
    because: "a closing frame with 1009 is more than a connection that just ends",
    covers: ({ name, expected, observed }) =>
      / closed #/.test(name) && isDeepStrictEqual([expected, observed], [{ code: 1006 }, { code: 1009 }]),
  },
  {
    name: "a read woken by an exit may find the process closed already",
    because: "when the pipes ended first, nothing happens between the two",
    covers: ({ fact, expected, observed }) => {
      const [there, here] = [
        membersOf(membersOf(expected)["result"]),
        membersOf(membersOf(observed)["result"]),
      ];
      const next = { ...membersOf(there["next"]), others: 2 };
      return (
        fact.method === "process/read" &&
        there["exited"] === true &&
        isDeepStrictEqual({ ...there, closed: true, next }, here)
      );
    },
    isRace: true,
  },
  {
    name: "a time-out has one text",
    because: "two timers of the original watch for it, each with a text of its own",
    covers: ({ fact, expected, observed }) =>
      fact.method === "http/request" &&
      errorOf(expected).message === "http/request failed: route-aware request timed out" &&
      errorOf(observed).message.startsWith("http/request failed: error sending request for url"),
    isRace: true,
  },
  {
    name: "numbers are those of JavaScript",
    because:
      "an id written 1.0 or 1e2 reads as a whole one, one above 2^53 could not be sent back as it came, and of a key that comes twice the last one counts",
    covers: ({ scenario }) => scenario === "numbers that JavaScript reads as others",
  },
  {
    name: "the fault in base64 is not named",
    because: "Codex sends valid base64, so nobody would read it",
    covers: ({ expected, observed }) => {
      const ours = errorOf(observed);
      return ours.message.endsWith("dataBase64") && errorOf(expected).message.startsWith(ours.message);
    },
  },
  {
    name: "a terminal fails for the same reasons as pipes",
    because:
      "the original starts it in another folder when the one asked for is missing, and has texts of its own",
    covers: ({ scenario, fact, expected, observed }) =>
      /^(?:programs that cannot be started|the name a process sees)$/.test(scenario) &&
      (fact.kind === "process"
        ? observed === undefined && membersOf(expected)["exitCode"] === 0
        : membersOf(fact.params)["tty"] === true && errorOf(observed).code === -32603),
  },
  {
    name: "a folder whose name is not UTF-8 cannot be used",
    because: "Node does not have such paths",
    covers: ({ fact, observed }) =>
      membersOf(fact.params)["cwd"] === "file:///%ff" && errorOf(observed).code === -32602,
  },
  {
    name: "nothing is accepted for a closed stdin",
    because: "the original notices a closed stdin only when it writes to it",
    covers: ({ expected, observed }) =>
      statusOf(expected) === "accepted" && errorOf(observed).message === "failed to write to process stdin",
  },
  {
    name: "a process cannot open its pipes by name",
    because: "Node gives its children sockets for pipes, and a socket has no file to open",
    covers: ({ scenario, observed }) =>
      scenario === "output through the names in /proc" &&
      /cannot create \/proc\/self\/fd\/1/.test(textOf(membersOf(observed)["stderr"])),
  },
  {
    name: "a little more is retained",
    because: "1 MiB at least, where the original has it at most",
    covers: ({ expected, observed }) =>
      membersOf(expected)["event"] === "paged" &&
      membersOf(expected)["last"] === membersOf(observed)["last"] &&
      Number(membersOf(observed)["bytes"]) >= 1024 * 1024 &&
      Number(membersOf(expected)["bytes"]) <= 1024 * 1024,
  },
  {
    name: "methods of HTTP are written in capitals",
    because: "Node writes them so, and there is no other GET",
    covers: ({ fact, expected }) =>
      membersOf(fact.params)["method"] === "get" &&
      membersOf(membersOf(expected)["result"])["status"] === 400,
  },
  {
    name: "a request that was certainly not sent says so",
    because: "who made it may then make it again",
    covers: ({ fact, expected, observed }) => {
      const data = { code: "connect_failed" };
      return (
        fact.method === "http/request" &&
        isDeepStrictEqual(observed, { error: { ...membersOf(membersOf(expected)["error"]), data } })
      );
    },
  },
];

const ASKED_ENCODINGS = /"accept-encoding":"zstd,gzip",/;

/** Ours is like 0.171. */
const WITH_0_169: readonly Deviation[] = [
  {
    name: "0.169 does not class what kept a program from starting",
    because: "0.171 does",
    covers: ({ fact, expected, observed }) =>
      fact.method === "process/start" &&
      /^spawn(?:NotFound|PermissionDenied|Failed)$/.test(
        textOf(membersOf(membersOf(membersOf(observed)["error"])["data"])["kind"]),
      ) &&
      isDeepStrictEqual(errorOf(expected), errorOf(observed)),
  },
  {
    name: "0.169 asks for no encoding",
    because: "0.171 asks for zstd and gzip, and decodes them",
    covers: ({ expected, observed }) =>
      isDeepStrictEqual(expected, JSON.parse(JSON.stringify(observed).replace(ASKED_ENCODINGS, ""))),
  },
];

export const DEVIATIONS: readonly Deviation[] = [...ALWAYS, ...(isCodex("0.169") ? WITH_0_169 : [])];

function statusOf(answer: unknown): unknown {
  return membersOf(membersOf(answer)["result"])["status"];
}

function isGentleEnd({ fact, expected, observed, outputBefore }: Difference): boolean {
  const [theirs, ours] = [membersOf(expected), membersOf(observed)];
  if (fact.kind !== "process") {
    const [there, here] = [membersOf(theirs["result"]), membersOf(ours["result"])];
    return (
      there["exitCode"] === 137 && isDeepStrictEqual({ ...there, exitCode: 0 }, { ...here, exitCode: 0 })
    );
  }
  const [killed, ended] = [expected, observed] as [ProcessFact | undefined, ProcessFact | undefined];
  if (killed?.exitCode !== 137 || ended?.closed !== true || outputBefore === undefined) return false;
  // It may have written more before its end; what it wrote before is what the killed one wrote.
  return (
    ended.numbers === killed.numbers &&
    (["stdout", "stderr", "pty"] as const).every(
      (stream) => killed[stream].startsWith(outputBefore[stream]) && ended[stream].startsWith(killed[stream]),
    )
  );
}

function errorOf(value: unknown): { readonly code: unknown; readonly message: string } {
  const { code, message } = membersOf(membersOf(value)["error"]);
  return { code, message: textOf(message) };
}
