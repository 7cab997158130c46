/** Random `environments.toml`: mostly near to what is valid, with every kind of value in every place. */
import fc from "fast-check";

const text = fc
  .constantFrom(
    "",
    " ",
    "x",
    "local",
    "none",
    "box",
    "é",
    "a b",
    "ws://127.0.0.1:1",
    "wss://a/b",
    "ws://a",
    "/",
  )
  .map((value) => JSON.stringify(value));
const number = fc.constantFrom("0", "1", "-1", "0.5", "-0.0", "nan", "inf", "1e20", "9223372036854775807");
const other = fc.constantFrom(
  "true",
  "false",
  "2020-01-01",
  "07:32:00",
  "[]",
  "{}",
  '["x"]',
  "[1]",
  '{ A = "x" }',
  "{ A = 1 }",
);
const value = fc.oneof(text, number, other);

const KEYS: Readonly<Record<string, fc.Arbitrary<string>>> = {
  id: fc.constantFrom('"a"', '"b"', '"box"', '"remote"', '"-"'),
  url: fc.constantFrom('"ws://127.0.0.1:1"', '"wss://a/b"', '"ws://a"', '" ws://[::1]:1/x "'),
  program: fc.constantFrom('"p"', '" p "'),
  auth_bearer_token: fc.constantFrom('"t"', '""'),
  args: fc.constantFrom("[]", '["x", ""]'),
  env: fc.constantFrom("{}", '{ A = "x" }'),
  cwd: fc.constantFrom('"/"', '"sub"'),
  connect_timeout_sec: number,
  initialize_timeout_sec: number,
  skills: fc.constantFrom("{}", '{ required = ["x"] }'),
};

function line(key: string, wrong: number): fc.Arbitrary<string> {
  return fc
    .oneof({ weight: 20, arbitrary: KEYS[key] ?? value }, { weight: wrong, arbitrary: value })
    .map((written) => `${key} = ${written}`);
}

function lines(keys: readonly string[], wrong: number): fc.Arbitrary<string[]> {
  return fc
    .tuple(...keys.map((key) => line(key, wrong)))
    .chain((each) => fc.shuffledSubarray(each, { minLength: each.length }));
}

const OF_URL = ["auth_bearer_token", "connect_timeout_sec", "initialize_timeout_sec", "skills"];
const OF_PROGRAM = ["args", "env", "cwd", "initialize_timeout_sec", "skills"];

const entry: fc.Arbitrary<string> = fc
  .oneof(
    { weight: 4, arbitrary: fc.subarray(OF_URL).map((keys) => ["id", "url", ...keys]) },
    { weight: 4, arbitrary: fc.subarray(OF_PROGRAM).map((keys) => ["id", "program", ...keys]) },
    { weight: 1, arbitrary: fc.subarray([...Object.keys(KEYS), "unknown"]) },
  )
  .chain((keys) => lines(keys, 1))
  .map((each) => ["[[environments]]", ...each].join("\n"));

const rootLine = fc.oneof(
  fc.constantFrom('default = "none"', 'default = "local"', 'default = "a"', "include_local = false"),
  fc
    .tuple(fc.constantFrom("default", "include_local", "environments", "x"), value)
    .map(([key, written]) => `${key} = ${written}`),
);

export function randomEnvironments(): fc.Arbitrary<string> {
  return fc
    .tuple(
      fc.oneof(
        { weight: 3, arbitrary: fc.constant([]) },
        { weight: 2, arbitrary: fc.array(rootLine, { maxLength: 2 }) },
      ),
      fc.array(entry, { maxLength: 3 }),
    )
    .map(([root, entries]) => `${[...root, ...entries].join("\n")}\n`);
}
