/** A link opener that shows whether its client has stopped reading. */
import type { Clock } from "../../../src/base/clock.ts";
import { type LinkOpener, websocketOpener } from "../../../src/executor/index.ts";

export interface WatchedOpener {
  readonly opener: LinkOpener;
  /** Whether the link is not being read. */
  readonly isHeld: () => boolean;
  /** How often that began. */
  readonly holds: () => number;
}

export function watchedOpener(url: string, clock: Clock): WatchedOpener {
  const opener = websocketOpener({ url, clock });
  let held = false;
  let holds = 0;
  return {
    isHeld: () => held,
    holds: () => holds,
    opener: {
      target: opener.target,
      resumable: opener.resumable,
      open: async (events, signal) => {
        const outcome = await opener.open(events, signal);
        if (outcome.kind === "failed") return outcome;
        const { link } = outcome;
        const pause = link.pause.bind(link);
        const resume = link.resume.bind(link);
        link.pause = () => {
          held = true;
          holds++;
          pause();
        };
        link.resume = () => {
          held = false;
          resume();
        };
        return outcome;
      },
      [Symbol.asyncDispose]: () => opener[Symbol.asyncDispose](),
    },
  };
}
