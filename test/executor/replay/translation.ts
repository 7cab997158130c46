/** What the recorder said, as it is said here; and what is heard here, as the recorder would have heard it. */
import { mapTexts } from "./normal.ts";
import type { ProcessTable } from "./processes.ts";
import { membersOf, type Row } from "./rows.ts";
import { RECORDED_PATH, type Script } from "./script.ts";
import type { World } from "./world.ts";

type Members = Readonly<Record<string, unknown>>;

export class Translation {
  readonly #world: World;
  readonly #script: Script;
  readonly #observed: ProcessTable;
  /** The recorder's sessions, and which of ours they are. */
  readonly #ours = new Map<string, string>();
  /** The other way round; several of ours may stand for one of the recorder's. */
  readonly #theirs = new Map<string, string>();

  constructor(world: World, script: Script, observed: ProcessTable) {
    this.#world = world;
    this.#script = script;
    this.#observed = observed;
  }

  knowsSession(theirs: string): boolean {
    return this.#ours.has(theirs);
  }

  setSession(theirs: string, ours: string): void {
    this.#ours.set(theirs, ours);
    this.#theirs.set(ours, theirs);
  }

  message(row: Row): Members {
    const msg = membersOf(row.msg);
    const { params } = msg;
    if (typeof params !== "object" || params === null || Array.isArray(params)) return msg;
    const translated = this.params(membersOf(params));
    const { processId, afterSeq } = translated;
    if (typeof afterSeq !== "number" || afterSeq === 0) return { ...msg, params: translated };
    return { ...msg, params: { ...translated, afterSeq: this.#seq(row, processId, afterSeq) } };
  }

  params(params: Members): Members {
    return membersOf(mapShortTexts(params, (text) => this.#text(text)));
  }

  back(rows: readonly Row[]): readonly Row[] {
    const text = (ours: string): string =>
      [...this.#theirs].reduce((out, [own, theirs]) => out.replaceAll(own, theirs), ours);
    return rows.map((row) => ({ ...row, msg: mapShortTexts(row.msg, text) }));
  }

  #text(text: string): string {
    if (text.startsWith(RECORDED_PATH)) return process.env["PATH"] ?? "";
    return (this.#ours.get(text) ?? text)
      .replaceAll("$SCRATCH", this.#world.scratch)
      .replace(/(?<=^http:\/\/127\.0\.0\.1:)\d{4,5}\b/, String(this.#world.webPort));
  }

  /** The number up to which we have heard what the recorder had. */
  #seq(row: Row, processId: unknown, seq: number): number {
    const position = this.#script.processOf(row)?.positionOf(seq);
    if (position === undefined || position.others === "unknown") return seq;
    return this.#observed.get(row.conn, processId)?.seqOf(position) ?? seq;
  }
}

/** Long texts are bytes, and stay as they are. */
function mapShortTexts(value: unknown, change: (text: string) => string): unknown {
  return mapTexts(value, (text) => (text.length > 10_000 ? text : change(text)));
}
