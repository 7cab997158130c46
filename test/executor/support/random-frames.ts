/**
 * Frames of clients that lost their way: whole conversations in which some frames are bent, cut, mixed up or noise.
 *
 * They start programs and read files, but never write or remove one: a changed path must not delete a folder. Their
 * processes run in their folder and have their tag.
 */
import fc from "fast-check";
import { anyText } from "../../support/any-text.ts";

/** One frame, or several that make one message. */
export type Frame =
  | { readonly kind: "text" | "binary"; readonly bytes: Buffer }
  | { readonly kind: "fragments"; readonly parts: readonly Buffer[] }
  | { readonly kind: "ping" | "pong"; readonly bytes: Buffer };

export interface Place {
  /** Where everything happens. */
  readonly folder: string;
  /** A part of the environment of all its processes. */
  readonly env: Readonly<Record<string, string>>;
  /** An address where nothing listens. */
  readonly nowhere: string;
}

type Json = Readonly<Record<string, unknown>>;

const processId = fc.constantFrom(
  "a",
  "b",
  "c",
  "",
  "__proto__",
  "constructor",
  "ü\u0000",
  "long".repeat(2_000),
);
const writeId = fc.constantFrom("1", "2", "3", "__proto__");
const streamId = fc.constantFrom("r1", "r2");
const whole = fc.constantFrom(0, 1, 2, 7, 65_536, 2 ** 31, 2 ** 53);

const ARGV: readonly (readonly string[])[] = [
  ["true"],
  ["sh", "-c", "echo out; echo err >&2; exit 3"],
  ["sh", "-c", "trap '' TERM HUP; exec sleep 300"],
  ["sh", "-c", "setsid sleep 300 & exec sleep 300"],
  ["head", "-c", "300000", "/dev/zero"],
  ["cat"],
  ["sleep", "300"],
  ["no-such-program"],
  ["/"],
  [""],
  [],
  ["true\u0000", "x"],
  ["true", ...Array.from({ length: 2_000 }, () => "argument")],
];

/** As many variables as a program with a terminal may have. */
const MANY: Readonly<Record<string, string>> = Object.fromEntries(
  Array.from({ length: 850 }, (_, at) => [`VARIABLE_${at}`, "value"]),
);

/** Messages that a client might send. */
function params(place: Place): fc.Arbitrary<readonly [method: string, params: Json]> {
  const about = (more: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<Json> =>
    fc.record({ processId, ...more }) as fc.Arbitrary<Json>;
  const call = (method: string, given: fc.Arbitrary<Json>): fc.Arbitrary<readonly [string, Json]> =>
    given.map((each) => [method, each] as const);
  const uri = fc.constantFrom(
    `file://${place.folder}`,
    `file://${place.folder}/missing`,
    "file:///",
    "file:///etc",
  );
  const start = call(
    "process/start",
    about({
      argv: fc.constantFrom(...ARGV),
      cwd: fc.constant(`file://${place.folder}`),
      env: fc.constantFrom(place.env, { ...place.env, ...MANY }),
      tty: fc.boolean(),
      pipeStdin: fc.boolean(),
    }),
  );
  const chunk = fc.uint8Array({ maxLength: 3_000 }).map((bytes) => Buffer.from(bytes).toString("base64"));
  return fc.oneof(
    { weight: 12, arbitrary: start },
    { weight: 6, arbitrary: call("process/write", about({ chunk, writeId })) },
    {
      weight: 4,
      arbitrary: call(
        "process/read",
        about({ afterSeq: whole, maxBytes: whole, waitMs: fc.constantFrom(0, 5, 60_000) }),
      ),
    },
    { weight: 2, arbitrary: call("process/signal", about({ signal: fc.constant("interrupt") })) },
    { weight: 3, arbitrary: call("process/terminate", about({})) },
    { weight: 1, arbitrary: call("environment/status", fc.constant({})) },
    { weight: 1, arbitrary: call("environment/info", fc.constant({})) },
    {
      weight: 1,
      arbitrary: call(
        "initialize",
        fc.record({ clientName: fc.string(), resumeSessionId: fc.option(fc.uuid()) }),
      ),
    },
    { weight: 1, arbitrary: call("fs/getMetadata", fc.record({ path: uri })) },
    { weight: 1, arbitrary: call("fs/readFile", fc.record({ path: uri })) },
    { weight: 1, arbitrary: call("fs/readDirectory", fc.record({ path: uri })) },
    { weight: 1, arbitrary: call("fs/open", fc.record({ handleId: writeId, path: uri })) },
    {
      weight: 1,
      arbitrary: call("fs/readBlock", fc.record({ handleId: writeId, offset: whole, len: whole })),
    },
    {
      weight: 1,
      arbitrary: call(
        "http/request",
        fc.record({
          method: fc.constantFrom("GET", "POST", "no method"),
          url: fc.constantFrom(place.nowhere, "file:///etc/passwd", "no url"),
          headers: fc.constant([{ name: "x", value: "y\r\nz" }]),
          requestId: streamId,
          streamResponse: fc.boolean(),
        }),
      ),
    },
    {
      weight: 1,
      arbitrary: fc
        .constantFrom("no/such/method", "constructor", "__proto__", "toString", "")
        .map((name) => [name, {}] as const),
    },
  );
}

/** A value in a place for another one. */
const odd: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    "",
    [],
    {},
    -1,
    1.5,
    1e308,
    -(2 ** 63),
    2 ** 64,
    "\ud800",
    "x".repeat(100_000),
  ),
  anyText(),
  fc.integer(),
  fc.jsonValue(),
  fc.constant(JSON.parse('{"__proto__":{"argv":["sleep","300"]},"constructor":{"prototype":1}}')),
  fc.integer({ min: 10, max: 20_000 }).map(nested),
);

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let left = depth; left > 0; left--) value = left % 2 === 0 ? [value] : { value };
  return value;
}

/** Replaces one value in a message, except for the program. */
function bend(message: Json, place: number, value: unknown, how: number): Json {
  const params = message["params"] as Json;
  const names = [
    ...Object.keys(message).filter((name) => name !== "params"),
    ...Object.keys(params),
    "params",
  ];
  const name = names[place % names.length] as string;
  if (name === "argv" && Array.isArray(value)) return message;
  const change = (object: Json): Json => {
    if (how === 0) return Object.fromEntries(Object.entries(object).filter(([each]) => each !== name));
    return { ...object, [name]: value };
  };
  return name in message ? change(message) : { ...message, params: change(params) };
}

/** A message of a client, with one thing wrong in every third. */
function message(place: Place): fc.Arbitrary<string> {
  const id = fc.oneof(fc.nat(), fc.uuid());
  return fc
    .tuple(id, params(place), fc.nat(), odd, fc.nat(5))
    .map(([each, [method, given], at, value, how]) => {
      const sound: Json = { id: each, method, params: given };
      return text(how < 2 ? bend(sound, at, value, how) : sound);
    });
}

/** Nested more deeply than `JSON.stringify` goes, it is written by hand. */
function text(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch {
    return `{"id":1,"method":"process/read","params":${"[".repeat(50_000)}${"]".repeat(50_000)}}`;
  }
}

/** Messages that no client sends. The executor may end the link, so they are rare. */
const foul: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    '{"id":1,"result":{}}',
    '{"id":1,"error":{"code":1,"message":"no"}}',
    '{"method":"unknown"}',
    '{"method":"process/terminate","params":{"processId":"a"}}',
    '{"method":"initialized"}',
  ),
  fc.constant("x".repeat(17 * 1024 * 1024)),
);

/** Texts that are not messages. They are answered, and nothing happens. */
const noise: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    "",
    "null",
    "[]",
    "1",
    '"text"',
    "{}",
    '[{"id":1,"method":"environment/status"}]',
    '{"id":null}',
    "{".repeat(5_000),
    "[".repeat(200_000),
  ),
  anyText(),
  fc.json(),
);

export function frame(place: Place): fc.Arbitrary<Frame> {
  const sound = message(place);
  const asText = (source: fc.Arbitrary<string>): fc.Arbitrary<Frame> =>
    source.map((each) => ({ kind: "text", bytes: Buffer.from(each) }));
  const raw = fc.uint8Array({ maxLength: 2_000 }).map((bytes) => Buffer.from(bytes));
  return fc.oneof(
    { weight: 60, arbitrary: asText(sound) },
    { weight: 8, arbitrary: asText(noise) },
    { weight: 6, arbitrary: sound.map((each): Frame => ({ kind: "binary", bytes: Buffer.from(each) })) },
    // The beginning of a message.
    {
      weight: 6,
      arbitrary: fc
        .tuple(sound, fc.nat(300))
        .map(([each, length]): Frame => ({ kind: "text", bytes: Buffer.from(each.slice(0, length)) })),
    },
    // A message with one byte changed; no argument of a program comes that early.
    {
      weight: 4,
      arbitrary: fc.tuple(sound, fc.nat(40), fc.nat(127)).map(([each, at, value]): Frame => {
        const bytes = Buffer.from(each);
        bytes[at % bytes.length] = value;
        return { kind: "text", bytes };
      }),
    },
    {
      weight: 4,
      arbitrary: fc.tuple(sound, fc.nat(200)).map(([each, at]): Frame => {
        const bytes = Buffer.from(each);
        return { kind: "fragments", parts: [bytes.subarray(0, at), Buffer.alloc(0), bytes.subarray(at)] };
      }),
    },
    { weight: 3, arbitrary: raw.map((bytes): Frame => ({ kind: "binary", bytes })) },
    { weight: 2, arbitrary: raw.map((bytes): Frame => ({ kind: "ping", bytes: bytes.subarray(0, 125) })) },
    { weight: 2, arbitrary: raw.map((bytes): Frame => ({ kind: "pong", bytes: bytes.subarray(0, 125) })) },
    { weight: 1, arbitrary: asText(foul) },
    // No UTF-8.
    { weight: 1, arbitrary: raw.map((bytes): Frame => ({ kind: "text", bytes })) },
  );
}
