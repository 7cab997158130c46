/** What a server finds where it runs: its variables and its folder. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import { stdioServer } from "../../../src/testing/index.ts";
import { transportError } from "../support/connected.ts";
import { everything, type Identity, type Site, TIMEOUT_MS as timeout } from "../support/site.ts";

/** The variables a program gets that asked for none. */
const CORE = ["HOME", "LANG", "PATH"];

export function surroundingsSuite(site: Site): void {
  const { expects } = site.placement;

  suite("the environment of a server", () => {
    test("is the machine's short list, and nothing of the host or of the executor", {
      timeout,
    }, async () => {
      await using server = await site.connect({ command: everything.command });
      const { SWITCHYARD_TEST_TAG: _, ...env } = await server.callJson<Record<string, string>>("get-env");
      const expected = Object.fromEntries(CORE.map((name) => [name, site.machine.env[name]]));
      for (const name of expects.extraVariables) {
        assert.ok(env[name] !== undefined, name);
        delete env[name];
      }
      assert.deepEqual({ ...env, PATH: site.ownPath(env["PATH"]) }, expected);
    });

    test("has what is configured, of which env wins", { timeout }, async () => {
      const names = ["LIT", "ON_HOST", "NOT_SET", "HOST_SECRET_KEY", "HOME"];
      const wanted = stdioServer({ whoamiEnv: names }, { LIT: "a=b\n€", HOME: "/other" });
      await using server = await site.connect({ ...wanted, env_vars: ["ON_HOST", { name: "NOT_SET" }] });
      const { env } = await server.callJson<Identity>("whoami");
      assert.deepEqual(env, {
        LIT: "a=b\n€",
        ON_HOST: "of the host",
        NOT_SET: null,
        HOST_SECRET_KEY: null,
        HOME: "/other",
      });
      await server.launched.logged(/^warn MCP server "svc" starts without NOT_SET of its env_vars/);
    });

    if (site.isHost) {
      test("cannot have variables of another machine", { timeout }, async () => {
        const wanted = { ...stdioServer(), env_vars: [{ name: "ON_MACHINE", source: "remote" }] } as const;
        await assert.rejects(
          site.launch(wanted),
          transportError("invalid_server", /env_vars entry `ON_MACHINE`/),
        );
      });
    } else {
      test("has the variables of the machine that it names, and no other", { timeout }, async () => {
        const names = ["ON_MACHINE", "ON_HOST", "LIT", "MACHINE_SECRET_KEY", "PATH", "HOME"];
        const env_vars = ["ON_HOST", { name: "ON_MACHINE", source: "remote" }] as const;
        await using server = await site.connect({
          ...stdioServer({ whoamiEnv: names }, { LIT: "x" }),
          env_vars,
        });
        const { env } = await server.callJson<Identity>("whoami");
        assert.deepEqual(
          { ...env, PATH: site.ownPath(env["PATH"]) },
          {
            ON_MACHINE: "of the machine",
            ON_HOST: "of the host",
            LIT: "x",
            MACHINE_SECRET_KEY: null,
            PATH: site.machine.env["PATH"],
            HOME: site.machine.env["HOME"],
          },
        );
      });
    }
  });

  suite("the folder of a server", () => {
    test("is its cwd, else the workspace of the thread", { timeout }, async () => {
      const dir = realpathSync(mkdtempSync(join(site.machine.dir, "grüße 🚂 %20 ")));
      await using own = await site.connect({ ...stdioServer(), cwd: dir });
      assert.equal((await own.callJson<Identity>("whoami")).cwd, dir);
      await using threads = await site.connect(stdioServer());
      assert.equal((await threads.callJson<Identity>("whoami")).cwd, realpathSync(site.machine.dir));
    });

    if (site.isHost) {
      test("may be relative to the workspace", { timeout }, async () => {
        mkdirSync(join(site.machine.dir, "sub"));
        await using server = await site.connect({ ...stdioServer(), cwd: "sub" });
        assert.equal(
          (await server.callJson<Identity>("whoami")).cwd,
          join(realpathSync(site.machine.dir), "sub"),
        );
      });
    } else {
      test("must be known, and absolute", { timeout }, async () => {
        const unknown = site.launch(stdioServer(), { workspace: undefined });
        await assert.rejects(unknown, transportError("invalid_server", /needs a cwd/));
        const relative = site.launch({ ...stdioServer(), cwd: "sub" });
        await assert.rejects(relative, transportError("invalid_server", /cwd that is not absolute/));
      });
    }
  });
}
