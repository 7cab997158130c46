/** The types of `scripted-core.mjs`, which servers run as it is. */

export interface Message {
  readonly jsonrpc: "2.0";
  readonly id?: string | number;
  readonly method?: string;
  readonly [key: string]: unknown;
}

export declare class World {
  constructor(
    script: { readonly era?: string; readonly tools?: readonly object[] },
    note: (line: string) => void,
    exit: (code: number, words?: string) => void,
  );
  readonly listeners: Set<Conversation>;
  note(line: string): void;
}

export declare class Conversation {
  constructor(
    world: World,
    options: {
      readonly modern: boolean;
      readonly out: (messages: readonly Message[], about: string | number | undefined) => void;
    },
  );
  take(message: object): void;
  cancel(id: string | number): void;
}
