/**
 * Scenarios that a client may meet with an executor's server, as things to say and to wait for.
 *
 * What is heard is not written here: the same scenario is met with `codex exec-server`, and the two are compared.
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
