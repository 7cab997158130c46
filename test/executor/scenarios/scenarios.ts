/**
 * Scenarios between a client and an executor's server, as messages to send and events to wait for.
 *
 * They do not contain the expected answers: each runs with `codex exec-server` too, and the two are compared.
 */
import { ENVELOPES } from "./envelope.ts";
import { FILES } from "./files.ts";
import { HANDSHAKES } from "./handshake.ts";
import { ENDINGS, SESSIONS } from "./sessions.ts";
import { STARTS } from "./start.ts";
import { INPUTS, READS } from "./streams.ts";
import { WEB } from "./web.ts";
import type { Scenario } from "./test-client.ts";

export const SCENARIOS: readonly Scenario[] = [
  ...HANDSHAKES,
  ...ENVELOPES,
  ...STARTS,
  ...INPUTS,
  ...READS,
  ...ENDINGS,
  ...SESSIONS,
  ...FILES,
  ...WEB,
];
