/** Scenarios about HTTP: requests that an executor makes, and requests to it. */
import type { Scenario } from "./test-client.ts";

export const WEB: readonly Scenario[] = [
  {
    name: "HTTP, whole bodies",
    run: async (client) => {
      const ask = (more: Record<string, unknown>): Promise<unknown> =>
        client.call("http/request", { method: "GET", requestId: "q", ...more });
      await ask({ url: client.web("/ok") });
      await ask({
        url: client.web("/ok"),
        method: "POST",
        headers: [
          { name: "Content-Type", value: "application/json" },
          { name: "X-R", value: "1" },
          { name: "X-R", value: "2" },
        ],
        bodyBase64: "eyJhIjoxfQ==",
        timeoutMs: 3_000,
      });
      await ask({ url: client.web("/ok"), method: "PUT", bodyBase64: "" });
      await ask({ url: client.web("/ok"), method: "DELETE" });
      await ask({ url: client.web("/ok"), method: "HEAD" });
      await ask({ url: client.web("/ok"), method: "get" });
      await ask({ url: client.web("/ok"), method: "PATCH", bodyBase64: "eA==", streamResponse: false });
      await ask({ url: client.web("/empty") });
      await ask({ url: client.web("/fault") });
      await ask({ url: client.web("/big") });
      await ask({ url: client.web("/cut") });
      await ask({ url: client.web("/slow"), timeoutMs: 300 });
      await ask({ url: client.web("/hang"), timeoutMs: 1_500 });
      await ask({ url: client.web("/ok"), headers: [{ name: "X-Env", value: "", valueEnvVar: "EXEC_HDR" }] });
      await ask({
        url: client.web("/ok"),
        headers: [{ name: "X-Env", value: "Bearer ", valueEnvVar: "EXEC_HDR" }],
      });
      await ask({ url: client.web("/ok"), headers: [{ name: "X-Env", value: "", valueEnvVar: "NOPE_X" }] });
    },
  },
  {
    name: "HTTP redirects",
    run: async (client) => {
      const ask = (more: Record<string, unknown>): Promise<unknown> =>
        client.call("http/request", { method: "GET", requestId: "q", ...more });
      for (const redirectPolicy of ["follow", "stop", undefined]) {
        await ask({ url: client.web("/to-ok"), redirectPolicy });
        await ask({ url: client.web("/to-ok"), method: "POST", bodyBase64: "eA==", redirectPolicy });
        await ask({ url: client.web("/keep"), method: "POST", bodyBase64: "eA==", redirectPolicy });
        await ask({ url: client.web("/loop"), redirectPolicy });
      }
    },
  },
  {
    name: "HTTP, streamed bodies",
    run: async (client) => {
      const ask = (more: Record<string, unknown>): Promise<unknown> =>
        client.call("http/request", { method: "GET", streamResponse: true, ...more });
      await ask({ url: client.web("/stream"), requestId: "s1" });
      await client.bodyEnd("s1");
      await ask({ url: client.web("/big"), requestId: "s2" });
      await client.bodyEnd("s2");
      await ask({ url: client.web("/cut"), requestId: "s3" });
      await client.bodyEnd("s3");
      await ask({ url: client.web("/hang"), requestId: "s4" });
      await ask({ url: client.web("/ok"), requestId: "s4" });
      await ask({ url: client.web("/ok"), requestId: "s4", streamResponse: false });
      await ask({ url: client.web("/empty"), requestId: "s5" });
      await client.bodyEnd("s5");
      await ask({ url: "http://127.0.0.1:1/", requestId: "s6" });
      await ask({ url: client.web("/ok"), requestId: "s6" });
      await client.bodyEnd("s6");
    },
  },
  {
    name: "requests without an upgrade, and rejected upgrades",
    bare: true,
    run: async (client) => {
      for (const path of ["/", "/readyz", "/other", "/healthz"]) {
        for (const method of ["GET", "POST", "HEAD"]) await client.plain(method, path);
      }
      await client.open("origin", { headers: { origin: "http://127.0.0.1" } });
      await client.open("empty-origin", { headers: { origin: "" } });
      await client.open("path", { path: "/other" });
      await client.open("query", { path: "/?token=x" });
      await client.open("bearer", { headers: { authorization: "Bearer x" } });
    },
  },
  {
    name: "large messages",
    bare: true,
    run: async (client) => {
      for (const [conn, bytes] of [
        ["c1", 11_000_000],
        ["c2", 13_000_000],
      ] as const) {
        await client.connect(conn);
        await client.start(["sh", "-c", "cat > /dev/null"], { id: "z", pipeStdin: true });
        await client.write("z", "a".repeat(bytes), "1");
      }
    },
  },
];
