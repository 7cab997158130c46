/** Where our server means to differ from `codex exec-server` 0.169. A test that knows the situation sees to it that it does. */
import { isDeepStrictEqual } from "node:util";
import { type Deviation, type Difference, isSameProcess } from "./differences.ts";
import type { ProcessFact } from "./facts.ts";
import { membersOf, textOf } from "./rows.ts";

const METHODS_WE_LACK: ReadonlySet<string> = new Set([
  "fs/watchMissing",
  "environmentConfig/read",
  "capabilities/discoverV2",
  "capabilityRoots/discoverV1",
]);

const gentleEnd: Deviation = {
  name: "a process is asked to end before it is killed",
  because:
    "an MCP server must be able to save its state: stdin is closed, then SIGTERM, and SIGKILL only at last",
  covers: isGentleEnd,
};

const tooLargeToldSo: Deviation = {
  name: "whoever sends too large a message is told so",
  because: "a closing frame with 1009 is more than a connection that just ends",
  covers: ({ name, recorded, observed }) =>
    / closed #/.test(name) && isDeepStrictEqual([recorded, observed], [{ code: 1006 }, { code: 1009 }]),
};

const closedAlready: Deviation = {
  name: "a read that an exit wakes may find the process closed already",
  because: "when the pipes ended first, nothing happens between the two",
  covers: ({ fact, recorded, observed }) => {
    const [there, here] = [
      membersOf(membersOf(recorded)["result"]),
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
};

const endedAlready: Deviation = {
  name: "who is asked to end twice may have ended in between",
  because: "it ended of its own, as it was asked to",
  covers: ({ fact, recorded, observed }) =>
    fact.method === "process/terminate" &&
    isDeepStrictEqual([recorded, observed], [{ result: { running: true } }, { result: { running: false } }]),
  isRace: true,
};

const methodWeLack: Deviation = {
  name: "a method that we do not have",
  because: "it is not advertised, so that Codex does not call it",
  covers: ({ fact, observed }) =>
    METHODS_WE_LACK.has(fact.method ?? "") && errorOf(observed).message === stub(fact.method ?? ""),
};

/** Met in what Codex was recorded to say. */
export const CODEX_CLIENT_DEVIATIONS: readonly Deviation[] = [
  gentleEnd,
  endedAlready,
  methodWeLack,
  {
    name: "a sandbox is refused",
    because: "a client that asks for one and gets none would be less safe than it believes",
    covers: ({ case: situation, fact, observed }) =>
      situation.startsWith("O2: sandboxed shell") &&
      (fact.kind === "process"
        ? observed === undefined
        : errorOf(observed).message.startsWith("sandbox is not supported by this executor")),
  },
];

/** Met in the recorded conversations. */
export const RECORDED_DEVIATIONS: readonly Deviation[] = [
  gentleEnd,
  tooLargeToldSo,
  closedAlready,
  methodWeLack,
  {
    name: "writes of one process stay in order",
    because: "the original reorders them when it answers several requests at once",
    covers: ({ case: situation, fact, recorded, observed }) =>
      situation.startsWith("74 ") &&
      (fact.kind === "process"
        ? isDeepStrictEqual(linesOf(recorded), linesOf(observed))
        : membersOf(observed)["writesInOrder"] === true),
  },
  {
    name: "a write waits for the start of its process",
    because: "a client need not wait for the answer to a start before it writes",
    covers: ({ recorded, observed }) =>
      statusOf(recorded) === "starting" && statusOf(observed) === "accepted",
  },
  {
    name: "whoever closes a connection in order gets its closing frame back",
    because: "it is what the WebSocket protocol asks for",
    covers: ({ name, recorded, observed }) =>
      / closed #/.test(name) && isDeepStrictEqual([recorded, observed], [{ code: 1006 }, { code: 1000 }]),
  },
];

/** Met where the same situation is met with both servers. */
export const LIVE_DEVIATIONS: readonly Deviation[] = [
  gentleEnd,
  tooLargeToldSo,
  closedAlready,
  {
    name: "numbers are those of JavaScript",
    because:
      "an id written 1.0 or 1e2 reads as a whole one, one above 2^53 could not be sent back as it came, and of a key that comes twice the last one counts",
    covers: ({ case: situation }) => situation === "numbers that JavaScript reads as others",
  },
  {
    name: "what we cannot enforce is refused, whatever is in it",
    because: "a client that asks for a sandbox and gets none would be less safe than it believes",
    covers: ({ fact, observed }) =>
      fact.method === "process/start" && /is not supported by this executor/.test(errorOf(observed).message),
  },
  {
    name: "a shell snapshot is not looked at",
    because: "it is a help for shells that we do not offer; the process starts without",
    covers: ({ case: situation, name, recorded, observed }) =>
      situation.endsWith("field by field") &&
      (errorOf(recorded).message.endsWith("ShellSnapshotRequest") ||
        (name.startsWith("process session 1 p51 ") && membersOf(observed)["exitCode"] === 0)),
  },
  {
    name: "a terminal is given or not for the reasons of pipes",
    because:
      "the original starts it in another folder when the one asked for is missing, and has texts of its own",
    covers: ({ case: situation, fact, recorded, observed }) =>
      /^(?:programs that cannot be started|the name a process sees)$/.test(situation) &&
      (fact.kind === "process"
        ? observed === undefined && membersOf(recorded)["exitCode"] === 0
        : membersOf(fact.params)["tty"] === true && errorOf(observed).code === -32603),
  },
  {
    name: "a folder whose name is no UTF-8 cannot be named",
    because: "Node has no such paths",
    covers: ({ recorded, observed }) =>
      errorOf(recorded).code === -32603 &&
      errorOf(observed).message.startsWith("cwd URI `file:///%ff` is not valid"),
  },
  {
    name: "nothing is accepted that nobody can read any more",
    because: "the original says so of a closed stdin only when it has tried to write to it",
    covers: ({ recorded, observed }) =>
      statusOf(recorded) === "accepted" && errorOf(observed).message === "failed to write to process stdin",
  },
  {
    name: "a process cannot open its pipes by name",
    because: "Node gives its children sockets for pipes, and a socket has no file to open",
    covers: ({ case: situation, observed }) =>
      situation === "output through the names that files have for it" &&
      /cannot create \/proc\/self\/fd\/1/.test(textOf(membersOf(observed)["stderr"])),
  },
  {
    name: "a little more is retained",
    because: "1 MiB at least, where the original has it at most",
    covers: ({ recorded, observed }) =>
      membersOf(recorded)["event"] === "paged" &&
      membersOf(recorded)["last"] === membersOf(observed)["last"] &&
      Number(membersOf(observed)["bytes"]) >= 1024 * 1024 &&
      Number(membersOf(recorded)["bytes"]) <= 1024 * 1024,
  },
  {
    name: "methods of HTTP are written in capitals",
    because: "Node writes them so, and there is no other GET",
    covers: ({ fact, recorded }) =>
      membersOf(fact.params)["method"] === "get" &&
      membersOf(membersOf(recorded)["result"])["status"] === 400,
  },
];

function linesOf(process: unknown): readonly string[] {
  return textOf(membersOf(process)["stdout"]).split("\n").sort();
}

function statusOf(answer: unknown): unknown {
  return membersOf(membersOf(answer)["result"])["status"];
}

function isGentleEnd({ fact, recorded, observed, saidBefore }: Difference): boolean {
  const [theirs, ours] = [membersOf(recorded), membersOf(observed)];
  if (fact.kind !== "process") {
    const [there, here] = [membersOf(theirs["result"]), membersOf(ours["result"])];
    return (
      there["exitCode"] === 137 && isDeepStrictEqual({ ...there, exitCode: 0 }, { ...here, exitCode: 0 })
    );
  }
  const [killed, ended] = [recorded, observed] as [ProcessFact | undefined, ProcessFact | undefined];
  if (killed?.exitCode !== 137 || ended?.closed !== true || saidBefore === undefined) return false;
  // It may have used its last moments to say something; what it said before is what the killed one said.
  const isSaidThere = (["stdout", "stderr", "pty"] as const).every((stream) =>
    killed[stream].startsWith(saidBefore[stream]),
  );
  return isSaidThere && isSameProcess({ ...killed, closed: false, exitCode: undefined }, ended);
}

function errorOf(value: unknown): { readonly code: unknown; readonly message: string } {
  const { code, message } = membersOf(membersOf(value)["error"]);
  return { code, message: textOf(message) };
}

function stub(method: string): string {
  return `exec-server stub does not implement \`${method}\` yet`;
}
