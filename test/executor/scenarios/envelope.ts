/** Scenarios about messages as such: texts that are not messages, and unusual ones that are. */
import type { Scenario } from "./test-client.ts";

export const ENVELOPES: readonly Scenario[] = [
  {
    name: "texts that are not messages",
    run: async (client) => {
      for (const text of [
        "{not json",
        "",
        " ",
        "42",
        "null",
        "true",
        '"text"',
        "[]",
        "[{}]",
        "{}",
        "[1,2]",
        "nul",
        "{",
        "[",
        '{"id":"m"',
        '{"id":"m",}',
        "\u0000",
        '{"id":1.5,"method":"environment/status"}',
        '{"id":null,"method":"environment/status"}',
        '{"id":true,"method":"environment/status"}',
        '{"id":{},"method":"environment/status"}',
        '{"id":[],"method":"environment/status"}',
        '{"method":5}',
        '{"id":"m","method":5}',
        '{"id":"m","method":null}',
        '{"method":null}',
        '{"id":"m"}',
        '{"result":1}',
        '{"error":{}}',
        '{"id":"m","error":5}',
        '{"id":"m","error":{"code":1}}',
        '{"id":null,"result":{}}',
        '{"params":{}}',
        '{"id":"m","method":"environment/status","trace":5}',
        '{"id":"m","method":"environment/status","trace":"x"}',
        '{"id":"m","method":"environment/status","trace":{"traceparent":5}}',
        '{"id":-1.5,"method":"x"}',
        '[{"id":"m","method":"environment/status"}]',
        '{"id":"m","method":"environment/status"} x',
      ]) {
        client.sendRaw(text);
        await client.call("environment/status");
      }
    },
  },
  {
    name: "numbers that JavaScript reads as others",
    run: async (client) => {
      for (const text of [
        '{"id":77.0,"method":"environment/status"}',
        '{"id":7e2,"method":"environment/status"}',
        '{"id":9007199254740993,"method":"environment/status"}',
        '{"id":99999999999999999999,"method":"environment/status"}',
        '{"id":"m","id":"n","method":"environment/status"}',
      ]) {
        client.sendRaw(text);
        await client.call("environment/status");
      }
    },
  },
  {
    name: "messages with more than is needed",
    run: async (client) => {
      for (const text of [
        '{"jsonrpc":"2.0","id":"a","method":"environment/status"}',
        '{"jsonrpc":"1.0","id":"b","method":"environment/status"}',
        '{"jsonrpc":5,"id":"c","method":"environment/status"}',
        '{"id":"","method":"environment/status"}',
        '{"id":0,"method":"environment/status"}',
        '{"id":-5,"method":"environment/status"}',
        '{"id":"d","method":"environment/status","params":null}',
        '{"id":"e","method":"environment/status","params":[]}',
        '{"id":"f","method":"environment/status","params":5}',
        '{"id":"f2","method":"environment/status","params":{"x":1}}',
        '{"id":"f3","method":"environment/info","params":{"x":1}}',
        '{"id":"f4","method":"environment/info","params":[1]}',
        '{"id":"g","method":"environment/status","trace":null}',
        '{"id":"h","method":"environment/status","trace":{}}',
        '{"id":"i","method":"environment/status","trace":{"traceparent":"x","tracestate":null,"y":1}}',
        '  {"id":"j","method":"environment/status"}\n',
        '{"id":"k","method":"environment/status","result":{}}',
        '{"id":"l","method":"environment/status","error":{"code":1,"message":"x"}}',
        '{"id":"ä\\u0000","method":"environment/status"}',
        '{"id":"m","method":""}',
        '{"id":"n","method":"initialized"}',
        '{"id":9007199254740991,"method":"environment/status"}',
        '{"id":"o","method":"foo/`bar`"}',
        '{"id":"p","method":"process/resize","params":{}}',
        '{"id":"q","method":"process/closeStdin","params":{}}',
        '{"id":"r","method":"process/list"}',
        '{"id":"s","method":"session/close"}',
        '{"id":"t","method":"ping"}',
        '{"id":"u","method":"shutdown"}',
        '{"id":"v","method":"constructor"}',
        '{"id":"w","method":"toString","params":{}}',
      ]) {
        client.sendRaw(text);
        const { id } = JSON.parse(text) as { readonly id: string };
        await client.transcript.answer("c1", id);
      }
    },
  },
  {
    name: "a binary frame",
    run: async (client) => {
      client.sendRaw('{"id":9,"method":"environment/status"}', { binary: true });
      await client.answered(9);
      client.sendRaw("{", { binary: true });
      await client.call("environment/status");
    },
  },
];
