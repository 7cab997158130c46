/** Scenarios about files. */
import type { Scenario } from "./test-client.ts";

export const FILES: readonly Scenario[] = [
  {
    name: "files, whole",
    run: async (client) => {
      const uri = (path: string): string => client.uri(`fsx/${path}`);
      const call = (method: string, params: unknown): Promise<unknown> => client.call(`fs/${method}`, params);
      await call("writeFile", { path: uri("w"), dataBase64: "aGVsbG8=" });
      await call("readFile", { path: uri("w") });
      await call("writeFile", { path: uri("w"), dataBase64: "aGk=" });
      await call("readFile", { path: uri("w") });
      await call("readFile", { path: uri("zz") });
      await call("readFile", { path: uri("") });
      await call("readFile", { path: uri("ln") });
      await call("readFile", { path: uri("dangling") });
      await call("readFile", { path: uri("a.txt/x") });
      await call("readFile", { path: "/tmp/x" });
      await call("readFile", { path: 5 });
      await call("readFile", {});
      await call("readFile", { path: uri("w"), sandbox: null, more: 1 });
      await call("writeFile", { path: uri("no/such"), dataBase64: "" });
      await call("writeFile", { path: uri(""), dataBase64: "" });
      await call("writeFile", { path: uri("w2"), dataBase64: "***" });
      await call("writeFile", { path: uri("w2") });
      await call("writeFile", { path: uri("w2"), dataBase64: "" });
      await call("readFile", { path: uri("w2") });
      await call("getMetadata", { path: uri("w2") });
      await call("getMetadata", { path: uri("") });
      await call("getMetadata", { path: uri("ln") });
      await call("getMetadata", { path: uri("dangling") });
      await call("getMetadata", { path: uri("zz") });
      await call("getMetadata", { path: uri("a.txt/zz") });
      await call("getMetadata", { path: "file:///dev/null" });
      await call("getMetadata", { path: "file://otherhost/x" });
      await call("getMetadata", { path: "http://x/y" });
      await call("getMetadata", { path: "file:///C:/x" });
    },
  },
  {
    name: "folders",
    run: async (client) => {
      const uri = (path: string): string => client.uri(`fsd/${path}`);
      const call = (method: string, params: unknown): Promise<unknown> => client.call(`fs/${method}`, params);
      await call("createDirectory", { path: client.uri("fsd"), recursive: false });
      await call("createDirectory", { path: client.uri("fsd"), recursive: false });
      await call("createDirectory", { path: uri("x/y/z"), recursive: false });
      await call("createDirectory", { path: uri("x/y/z") });
      await call("createDirectory", { path: uri("x/y/z") });
      await call("createDirectory", { path: uri("n"), recursive: null });
      await call("createDirectory", { path: uri("n"), recursive: "x" });
      await call("writeFile", { path: uri("a.txt"), dataBase64: "QQ==" });
      await call("createDirectory", { path: uri("a.txt") });
      await call("createDirectory", { path: uri("a.txt/b") });
      await call("readDirectory", { path: client.uri("fsd") });
      await call("readDirectory", { path: client.uri("fsx") });
      await call("readDirectory", { path: uri("x/y/z") });
      await call("readDirectory", { path: uri("a.txt") });
      await call("readDirectory", { path: uri("zz") });
      await call("canonicalize", { path: uri("x/../a.txt") });
      await call("canonicalize", { path: client.uri("fsx/ln") });
      await call("canonicalize", { path: uri("zz") });
      await call("canonicalize", { path: client.uri("fsx/dangling") });
      const options = {
        maxDepth: 10,
        maxDirectories: 100,
        maxEntries: 100,
        followDirectorySymlinks: false,
        pruneHiddenDirectories: false,
      };
      await call("walk", { path: client.uri("fsd"), options });
      await call("walk", { path: client.uri("fsx"), options });
      await call("walk", { path: client.uri("fsd"), options: { ...options, maxDepth: 0 } });
      await call("walk", { path: client.uri("fsd"), options: { ...options, maxDepth: 1 } });
      await call("walk", { path: client.uri("fsd"), options: { ...options, maxEntries: 2 } });
      await call("walk", { path: client.uri("fsd"), options: { ...options, maxDirectories: 1 } });
      await call("walk", { path: uri("a.txt"), options });
      await call("walk", { path: uri("zz"), options });
      await call("walk", { path: client.uri("fsd") });
      await call("walk", { path: client.uri("fsd"), options: {} });
      await call("copy", { sourcePath: uri("a.txt"), destinationPath: uri("c.txt"), recursive: false });
      await call("readFile", { path: uri("c.txt") });
      await call("copy", { sourcePath: uri("x"), destinationPath: uri("x2"), recursive: false });
      await call("copy", { sourcePath: uri("x"), destinationPath: uri("x2"), recursive: true });
      await call("readDirectory", { path: uri("x2/y") });
      await call("copy", { sourcePath: uri("x"), destinationPath: uri("x2"), recursive: true });
      await call("copy", { sourcePath: uri("x"), destinationPath: uri("x/inside"), recursive: true });
      await call("copy", { sourcePath: uri("x"), destinationPath: uri("x"), recursive: true });
      await call("copy", { sourcePath: uri("zz"), destinationPath: uri("x3"), recursive: true });
      await call("copy", { sourcePath: uri("a.txt"), destinationPath: uri("x"), recursive: true });
      await call("copy", { sourcePath: uri("a.txt"), destinationPath: uri("no/such"), recursive: true });
      await call("copy", { sourcePath: uri("a.txt"), destinationPath: uri("d.txt") });
      await call("copy", { sourcePath: client.uri("fsx/ln"), destinationPath: uri("ln2"), recursive: false });
      await call("getMetadata", { path: uri("ln2") });
      await call("copy", { sourcePath: client.uri("fsx"), destinationPath: uri("fsx2"), recursive: true });
      await call("readDirectory", { path: uri("fsx2") });
      await call("remove", { path: uri("zz") });
      await call("remove", { path: uri("zz"), force: false });
      await call("remove", { path: uri("x"), recursive: false });
      await call("remove", { path: uri("x2/y/z"), recursive: false });
      await call("remove", { path: uri("x") });
      await call("remove", { path: uri("a.txt"), recursive: false });
      await call("remove", { path: uri("ln2") });
      await call("remove", { path: uri("c.txt/x") });
      await call("remove", { path: uri("c.txt/x"), force: false });
      await call("remove", { path: uri("c.txt"), recursive: null });
      await call("readDirectory", { path: client.uri("fsd") });
    },
  },
  {
    name: "files, block by block",
    run: async (client) => {
      const call = (method: string, params: unknown): Promise<unknown> => client.call(`fs/${method}`, params);
      const path = client.uri("fsx/wb");
      await call("open", { handleId: "w", path, mode: "replace" });
      await call("writeBlock", { handleId: "w", offset: 0, chunk: "MDEyMzQ1Njc4OQ==" });
      await call("writeBlock", { handleId: "w", offset: 5, chunk: "WFk=" });
      await call("writeBlock", { handleId: "w", offset: 20, chunk: "" });
      await call("writeBlock", { handleId: "w", offset: -1, chunk: "" });
      await call("writeBlock", { handleId: "w", offset: 0, chunk: "*" });
      await call("readBlock", { handleId: "w", offset: 0, len: 4 });
      await call("close", { handleId: "w" });
      await call("close", { handleId: "w" });
      await call("open", { handleId: "w2", path, mode: "append" });
      await call("open", { handleId: "r", path });
      await call("open", { handleId: "r", path });
      for (const [offset, len] of [
        [0, 4],
        [4, 100],
        [10, 1],
        [9, 1],
        [100, 10],
        [0, 0],
        [0, 1_048_576],
        [0, 1_048_577],
        [-1, 1],
        [0, -1],
        [0.5, 1],
      ])
        await call("readBlock", { handleId: "r", offset, len });
      await call("writeBlock", { handleId: "r", offset: 0, chunk: "WA==" });
      await call("readBlock", { handleId: "nobody", offset: 0, len: 1 });
      await call("writeBlock", { handleId: "nobody", offset: 0, chunk: "" });
      await call("readBlock", { handleId: "r" });
      await call("open", { handleId: "x", path: client.uri("fsx/zz") });
      await call("open", { handleId: "x", path: client.uri("fsx") });
      await call("open", { handleId: "x", path: client.uri("fsx"), mode: "replace" });
      await call("open", { handleId: "x", path: client.uri("no/such"), mode: "replace" });
      await call("open", { handleId: "", path });
      await call("open", { path });
      await call("open", { handleId: 5, path });
      for (let at = 0; at < 130; at++) await call("open", { handleId: `m${at}`, path });
      await call("close", { handleId: "m0" });
      await call("open", { handleId: "again", path });
    },
  },
];
