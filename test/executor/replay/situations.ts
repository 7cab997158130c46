/**
 * Situations that a client may meet with an executor's server, as things to say and to wait for.
 *
 * What is heard is not written here: the same situation is met with `codex exec-server`, and the two are compared.
 */
import { ENVELOPES } from "./situations-envelope.ts";
import { FILES } from "./situations-files.ts";
import { HANDSHAKES } from "./situations-handshake.ts";
import { ENDINGS, SESSIONS } from "./situations-sessions.ts";
import { STARTS } from "./situations-start.ts";
import { INPUTS, READS } from "./situations-streams.ts";
import { WEB } from "./situations-web.ts";
import type { Situation } from "./talk.ts";

export const SITUATIONS: readonly Situation[] = [
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
