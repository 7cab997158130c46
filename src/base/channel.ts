/**
 * An ordered, bounded hand-over from one writer to one reader.
 *
 * The writer is never rejected: what was pushed is delivered, in order, also after `end` or `fail`. The bound is
 * kept by what feeds the writer: `full` turns true at the bound, and `onFull`/`onRoom` tell the owner to
 * stop and restart whatever feeds the channel (for a pipe: pause and resume it).
 *
 * Invariants
 *   C1. Items come out in the order they went in, each once.
 *   C2. `end` and `fail` take effect after everything pushed before them was read; later pushes are ignored.
 *   C3. `onFull` and `onRoom` alternate, beginning with `onFull`. A channel that ends or is closed while full
 *       reports `onRoom`, so a closed channel never holds its source back.
 */
export interface ChannelOptions {
  /** Weight at which the channel calls itself full. */
  readonly weightMax: number;
  /** Weight at or below which it has room again. @default half of `weightMax` */
  readonly weightRoom?: number;
  readonly onFull?: () => void;
  readonly onRoom?: () => void;
}

export class Channel<T> implements AsyncIterableIterator<T, undefined, undefined> {
  readonly #options: ChannelOptions;
  /** Up to `#head` they were read, and are `undefined`: what was read must not be held. */
  #items: ({ readonly item: T; readonly weight: number } | undefined)[] = [];
  #head = 0;
  #weight = 0;
  #full = false;
  #finish: { readonly error?: unknown } | undefined;
  #reader: PromiseWithResolvers<void> | undefined;

  constructor(options: ChannelOptions) {
    this.#options = options;
  }

  get full(): boolean {
    return this.#full;
  }

  /** Items that wait to be read. */
  get length(): number {
    return this.#items.length - this.#head;
  }

  /** @param weight what the item counts against the bound, e.g. its bytes. @default 1 */
  push(item: T, weight = 1): void {
    if (this.#finish !== undefined) return;
    this.#items.push({ item, weight });
    this.#weight += weight;
    this.#wake();
    if (!this.#full && this.#weight >= this.#options.weightMax) {
      this.#full = true;
      this.#options.onFull?.();
    }
  }

  /** No more items will come. */
  end(): void {
    this.#finishWith({});
  }

  /** No more items will come, because of `error`, which the reader gets after the last item. */
  fail(error: unknown): void {
    this.#finishWith({ error });
  }

  /** Reads the next item. One reader at a time. @throws what `fail` was given, once everything is read */
  async next(): Promise<IteratorResult<T, undefined>> {
    while (this.length === 0 && this.#finish === undefined) {
      this.#reader ??= Promise.withResolvers<void>();
      await this.#reader.promise;
    }
    const entry = this.#items[this.#head];
    if (entry === undefined) {
      const finish = this.#finish;
      if (finish !== undefined && "error" in finish) {
        // Only the first read after the end throws; the reader knows then.
        this.#finish = {};
        throw finish.error;
      }
      return { done: true, value: undefined };
    }
    this.#items[this.#head++] = undefined;
    this.#weight -= entry.weight;
    if (this.#head > 1024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    if (this.#full && this.#weight <= (this.#options.weightRoom ?? this.#options.weightMax / 2)) {
      this.#makeRoom();
    }
    return { done: false, value: entry.item };
  }

  /** Drops what was not read and ends. */
  return(): Promise<IteratorResult<T, undefined>> {
    this.#finish = {};
    this.#items = [];
    this.#head = 0;
    this.#weight = 0;
    this.#wake();
    if (this.#full) this.#makeRoom();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #finishWith(finish: { readonly error?: unknown }): void {
    if (this.#finish !== undefined) return;
    this.#finish = finish;
    this.#wake();
    if (this.#full) this.#makeRoom();
  }

  /** A reader that wakes looks again, and waits anew if another was faster. */
  #wake(): void {
    this.#reader?.resolve();
    this.#reader = undefined;
  }

  #makeRoom(): void {
    this.#full = false;
    this.#options.onRoom?.();
  }
}
