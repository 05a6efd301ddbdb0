/** Does in one go what is asked for in one turn of the event loop, such as writes that several requests wait for alike. */
export class Together<T> {
  private readonly work: (wanted: readonly T[]) => Promise<void>;
  private gathering: { wanted: T[]; done: Promise<void> } | null = null;

  constructor(work: (wanted: readonly T[]) => Promise<void>) {
    this.work = work;
  }

  /** Resolves when it is done; fails for all of those that were done together. */
  add(one: T): Promise<void> {
    this.gathering ??= this.gather();
    this.gathering.wanted.push(one);
    return this.gathering.done;
  }

  private gather(): { wanted: T[]; done: Promise<void> } {
    const wanted: T[] = [];
    const done = new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
      this.gathering = null;
      return this.work(wanted);
    });
    return { wanted, done };
  }
}
