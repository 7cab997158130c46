import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { suite, test } from "node:test";
import type { McpServerConfig, McpServerOAuthConfig } from "../../config/server/types.ts";
import type { OAuthSettings } from "../../config/layers/oauth-settings.ts";
import { check } from "../../servers/check.ts";
import { callbackPlace } from "./callback-place.ts";

const URL_OF_SERVER = "http://127.0.0.1:37873/mcp";
const NOTHING: OAuthSettings = {
  credentialsStore: undefined,
  callbackPort: undefined,
  callbackUrl: undefined,
};

function configOf(oauth: McpServerOAuthConfig = {}): McpServerConfig {
  const checked = check({ a: { url: URL_OF_SERVER, oauth } }, []);
  assert.ok(checked.ok);
  return checked.value.configs.get("a") ?? assert.fail();
}

async function placed(
  oauth: McpServerOAuthConfig,
  settings: Partial<OAuthSettings> = {},
): Promise<readonly [redirectUrl: string, heard: string]> {
  await using place = await callbackPlace("a", configOf(oauth), { ...NOTHING, ...settings });
  const { port, redirectUrl } = place.listener;
  const everyPort = (text: string): string => text.replace(`:${port}`, ":PORT");
  return [everyPort(place.redirectUrl), everyPort(redirectUrl)];
}

suite("where a login ends", () => {
  const HEARD = "http://127.0.0.1:PORT/callback";
  const cases: readonly (readonly [
    what: string,
    oauth: McpServerOAuthConfig,
    settings: Partial<OAuthSettings>,
    redirectUrl: string,
    heard: string,
  ])[] = [
    ["without a word about it", {}, {}, HEARD, HEARD],
    // The id that Codex 0.171 gave for this URL.
    ["of a client that is known", { client_id: "c" }, {}, `${HEARD}/X64oC-9IovVP`, `${HEARD}/X64oC-9IovVP`],
    [
      "at another address that leads here",
      { client_id: "c", callback_url: "https://box.example.com/cb" },
      {},
      "https://box.example.com/cb",
      "http://127.0.0.1:PORT/cb",
    ],
    [
      "at an address for all servers",
      {},
      { callbackUrl: "https://box.example.com/cb" },
      "https://box.example.com/cb",
      "http://127.0.0.1:PORT/cb",
    ],
  ];
  for (const [what, oauth, settings, redirectUrl, heard] of cases) {
    test(what, async () => assert.deepEqual(await placed(oauth, settings), [redirectUrl, heard]));
  }

  test("at a port that is written, of the server before that of all servers", async () => {
    // Below those that the system hands out, so that nobody else takes it.
    const port = randomInt(20_000, 30_000);
    await using place = await callbackPlace("a", configOf({ callback_port: port }), {
      ...NOTHING,
      callbackPort: 1,
    });
    assert.equal(place.redirectUrl, `http://127.0.0.1:${port}/callback`);
    await place[Symbol.asyncDispose]();
    await using named = await callbackPlace("a", configOf(), {
      ...NOTHING,
      callbackUrl: `http://localhost:${port}/x`,
    });
    assert.deepEqual([named.listener.port, named.redirectUrl], [port, `http://localhost:${port}/x`]);
  });

  test("never at an address that would send the code in the open", async () => {
    await assert.rejects(placed({}, { callbackUrl: "http://box.example.com/cb" }), {
      code: "invalid_server",
      message: /mcp_oauth_callback_url has to be an https URL/,
    });
  });
});
