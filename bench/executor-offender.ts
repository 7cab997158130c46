/**
 * Child of `executor-neighbours.ts`: a client that gives an executor a lot to do at once.
 *
 *   node executor-offender.ts URL OFFENCE   prints a line when it is ready, begins at a line, and ends when it was answered
 *
 * Frames are made by hand and leave in one piece, so that its own work does not slow it down.
 */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { request } from "node:http";
import type { Socket } from "node:net";
import { END_ID, OFFENCES } from "./executor-offences.ts";

const [, , url = "", name = ""] = process.argv;
const offence = OFFENCES[name];
if (offence === undefined) throw new Error(`There is no offence "${name}"`);
const { hostname, port } = new URL(url);
const upgrade = request({
  hostname,
  port,
  headers: {
    Connection: "Upgrade",
    Upgrade: "websocket",
    "Sec-WebSocket-Version": 13,
    "Sec-WebSocket-Key": randomBytes(16).toString("base64"),
  },
}).end();
const [, socket] = (await once(upgrade, "upgrade")) as [unknown, Socket];
// An executor may end the link of such a client.
socket.on("close", () => process.exit());
socket.on("error", () => process.exit());
const answered = (id: string): Promise<void> =>
  new Promise((resolve) => {
    let tail = "";
    socket.on("data", (data: Buffer) => {
      const text = tail + data.toString("latin1");
      if (text.includes(`"id":"${id}"`)) resolve();
      tail = text.slice(-100);
    });
  });
const greeted = answered("hello");
socket.write(frame('{"id":"hello","method":"initialize","params":{"clientName":"offender"}}'));
await greeted;
socket.write(frame('{"method":"initialized"}'));

const messages = offence();
const last = '{"id":"last","method":"environment/status"}';
const bytes = Buffer.concat(
  [...messages, last].map((each) => (typeof each === "string" ? frame(each) : each)),
);
const hasEnd = messages.some((each) => each.includes(`"id":"${END_ID}"`));
const over = Promise.all([answered("last"), hasEnd ? answered(END_ID) : undefined]);
process.stdout.write("ready\n");
await once(process.stdin, "data");
socket.write(bytes);
await over;
process.exit();

/** A masked text frame whose mask is zero. */
function frame(text: string): Buffer {
  const payload = Buffer.from(text);
  const head = Buffer.alloc(payload.length < 126 ? 6 : payload.length < 65_536 ? 8 : 14);
  head[0] = 0x81;
  if (head.length === 6) head[1] = 0x80 | payload.length;
  else if (head.length === 8) {
    head[1] = 0x80 | 126;
    head.writeUInt16BE(payload.length, 2);
  } else {
    head[1] = 0x80 | 127;
    head.writeBigUInt64BE(BigInt(payload.length), 2);
  }
  return Buffer.concat([head, payload]);
}
