/** Situations about the handshake: in order, out of order, and with what ends a connection. */
import type { Situation } from "./talk.ts";

const FAMILIES = [
  ["process/start", { processId: "p", argv: ["true"], cwd: "file:///tmp", env: {}, tty: false }],
  ["process/read", { processId: "p" }],
  ["process/write", { processId: "p", chunk: "", writeId: "1" }],
  ["process/signal", { processId: "p", signal: "interrupt" }],
  ["process/terminate", { processId: "p" }],
  ["environment/info", undefined],
  ["environment/status", {}],
  ["fs/readFile", { path: "file:///etc/hostname" }],
  ["fs/writeFile", { path: "file:///tmp/never", dataBase64: "" }],
  ["fs/createDirectory", { path: "file:///tmp/never" }],
  ["fs/getMetadata", { path: "file:///tmp" }],
  ["fs/canonicalize", { path: "file:///tmp" }],
  ["fs/readDirectory", { path: "file:///tmp" }],
  [
    "fs/walk",
    {
      path: "file:///tmp",
      options: {
        maxDepth: 1,
        maxDirectories: 1,
        maxEntries: 1,
        followDirectorySymlinks: false,
        pruneHiddenDirectories: false,
      },
    },
  ],
  ["fs/remove", { path: "file:///tmp/never" }],
  ["fs/copy", { sourcePath: "file:///tmp/never", destinationPath: "file:///tmp/never2", recursive: false }],
  ["fs/open", { handleId: "h", path: "file:///etc/hostname" }],
  ["fs/readBlock", { handleId: "h", offset: 0, len: 1 }],
  ["fs/writeBlock", { handleId: "h", offset: 0, chunk: "" }],
  ["fs/close", { handleId: "h" }],
  ["http/request", { method: "GET", url: "http://127.0.0.1:1/", requestId: "q" }],
  ["foo/bar", {}],
] as const;

export const HANDSHAKES: readonly Situation[] = [
  {
    name: "calls before initialize",
    bare: true,
    meet: async (talk) => {
      await talk.open("c1");
      for (const [method, params] of FAMILIES) await talk.call(method, params);
      await talk.call("process/start", {});
      await talk.call("process/read", { processId: 5 });
      await talk.call("fs/readFile", {});
      await talk.call("http/request", {});
    },
  },
  {
    name: "calls between initialize and initialized",
    bare: true,
    meet: async (talk) => {
      await talk.open("c1");
      await talk.call("initialize", { clientName: "probe" });
      for (const [method, params] of FAMILIES) await talk.call(method, params);
      talk.say({ method: "initialized" });
      await talk.call("environment/status");
    },
  },
  {
    name: "initialize twice, and with faults",
    bare: true,
    meet: async (talk) => {
      await talk.open("c1");
      await talk.call("initialize");
      await talk.call("initialize", {});
      await talk.call("initialize", { clientName: 5 });
      await talk.call("initialize", { clientName: null });
      await talk.call("initialize", "probe");
      await talk.call("initialize", 5);
      await talk.call("initialize", null);
      await talk.call("initialize", []);
      await talk.call("initialize", { clientName: "probe", resumeSessionId: 5 });
      await talk.call("initialize", { clientName: "probe", resumeSessionId: "nobody" });
      await talk.call("initialize", { clientName: "probe", resumeSessionId: "" });
      await talk.call("initialize", ["probe", null]);
      await talk.call("initialize", { clientName: "probe" });
      await talk.call("initialize", { clientName: "probe" });
      await talk.call("initialize", {});
      talk.say({ method: "initialized", params: null });
      talk.say({ method: "initialized", params: { x: 1 } });
      await talk.call("initialize", { clientName: "probe" });
      await talk.call("environment/status");
    },
  },
  {
    name: "initialize with one positional parameter",
    bare: true,
    meet: async (talk) => {
      await talk.open("c1");
      await talk.call("initialize", ["probe"]);
      await talk.call("initialize", ["probe", null, 1]);
    },
  },
  {
    name: "initialized before initialize",
    bare: true,
    meet: async (talk) => {
      await talk.open("c1");
      talk.say({ method: "initialized", params: {} });
      await talk.gone();
    },
  },
  ...(
    [
      ["an unknown notification", { method: "foo/bar", params: {} }],
      ["a stray result", { id: 5, result: {} }],
      ["a stray error", { id: 5, error: { code: 1, message: "x" } }],
      ["initialize without an id", { method: "initialize", params: { clientName: "probe" } }],
      ["process/start without an id", { method: "process/start", params: {} }],
      ["a result of null", { id: 7, result: null }],
      ["$/cancelRequest", { method: "$/cancelRequest", params: { id: 1 } }],
    ] as const
  ).map(
    ([what, message]): Situation => ({
      name: `${what} from a client`,
      meet: async (talk) => {
        talk.say(message);
        talk.ask("environment/status");
        await talk.gone();
      },
    }),
  ),
  {
    name: "initialized twice",
    meet: async (talk) => {
      talk.say({ method: "initialized", params: {} });
      await talk.call("environment/status");
      talk.say({ method: "initialized", params: {} });
      await talk.call("environment/status");
    },
  },
];
