import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { type Content, contentText } from "./content.ts";

suite("what a server answered, as text", () => {
  const data = Buffer.alloc(3000).toString("base64");
  const blocks: readonly (readonly [block: Content, text: string])[] = [
    [{ type: "text", text: "a\nb" }, "a\nb"],
    [{ type: "image", mimeType: "image/png", data }, "[image: image/png, 2.9 kB]"],
    [{ type: "audio", mimeType: "audio/wav", data: "AAAA" }, "[audio: audio/wav, 3 bytes]"],
    [{ type: "resource_link", name: "n", uri: "a://b" }, "[link: a://b]"],
    [
      { type: "resource", resource: { uri: "a://b", mimeType: "text/plain", text: "t" } },
      "[resource: a://b (text/plain)]\nt",
    ],
    [{ type: "resource", resource: { uri: "a://b", blob: "AAAA" } }, "[resource: a://b, 3 bytes]"],
    [{ type: "hologram" } as unknown as Content, "[hologram]"],
  ];
  for (const [block, text] of blocks) test(block.type, () => assert.equal(contentText([block]), text));
  test("blocks stand below each other", () => {
    assert.equal(contentText(blocks.slice(0, 2).map(([block]) => block)), "a\nb\n[image: image/png, 2.9 kB]");
  });
});
