/** Scenarios about the handshake: in order, out of order, and with messages that end a link. */
import type { Scenario } from "./test-client.ts";

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

export const HANDSHAKES: readonly Scenario[] = [
  {
    name: "calls before initialize",
    bare: true,
    run: async (client) => {
      await client.open("c1");
      for (const [method, params] of FAMILIES) await client.call(method, params);
      await client.call("process/start", {});
      await client.call("process/read", { processId: 5 });
      await client.call("fs/readFile", {});
      await client.call("http/request", {});
    },
  },
  {
    name: "calls between initialize and initialized",
    bare: true,
    run: async (client) => {
      await client.open("c1");
      await client.call("initialize", { clientName: "probe" });
      for (const [method, params] of FAMILIES) await client.call(method, params);
      client.send({ method: "initialized" });
      await client.call("environment/status");
    },
  },
  {
    name: "initialize twice, and with faults",
    bare: true,
    run: async (client) => {
      await client.open("c1");
      await client.call("initialize");
      await client.call("initialize", {});
      await client.call("initialize", { clientName: 5 });
      await client.call("initialize", { clientName: null });
      await client.call("initialize", "probe");
      await client.call("initialize", 5);
      await client.call("initialize", null);
      await client.call("initialize", []);
      await client.call("initialize", { clientName: "probe", resumeSessionId: 5 });
      await client.call("initialize", { clientName: "probe", resumeSessionId: "nobody" });
      await client.call("initialize", { clientName: "probe", resumeSessionId: "" });
      await client.call("initialize", { clientName: "probe" });
      await client.call("initialize", { clientName: "probe" });
      await client.call("initialize", {});
      client.send({ method: "initialized", params: null });
      client.send({ method: "initialized", params: { x: 1 } });
      await client.call("initialize", { clientName: "probe" });
      await client.call("environment/status");
    },
  },
  {
    name: "initialized before initialize",
    bare: true,
    run: async (client) => {
      await client.open("c1");
      client.send({ method: "initialized", params: {} });
      await client.gone();
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
    ([what, message]): Scenario => ({
      name: `${what} from a client`,
      run: async (client) => {
        client.send(message);
        client.ask("environment/status");
        await client.gone();
      },
    }),
  ),
  {
    name: "initialized twice",
    run: async (client) => {
      client.send({ method: "initialized", params: {} });
      await client.call("environment/status");
      client.send({ method: "initialized", params: {} });
      await client.call("environment/status");
    },
  },
];
