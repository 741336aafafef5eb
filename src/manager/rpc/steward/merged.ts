/** What comes from any of the sources, in the order it comes; each is asked for the next only when it was taken. */
export async function* merged<Item>(sources: readonly AsyncIterable<Item>[]): AsyncGenerator<Item> {
  const iterators = sources.map((source) => source[Symbol.asyncIterator]());
  const came: Arrival<Item>[] = [];
  let wake = () => {};
  const ask = (iterator: AsyncIterator<Item>) => {
    const arrived = (arrival: Arrival<Item>) => {
      came.push(arrival);
      wake();
    };
    iterator.next().then(
      (result) => arrived({ iterator, result }),
      (error: unknown) => arrived({ iterator, error }),
    );
  };
  let open = iterators.length;
  for (const iterator of iterators) ask(iterator);
  try {
    while (open > 0) {
      const arrival = came.shift();
      if (arrival === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      if ('error' in arrival) throw arrival.error;
      if (arrival.result.done === true) {
        open -= 1;
        continue;
      }
      yield arrival.result.value;
      ask(arrival.iterator);
    }
  } finally {
    // One that waits for its source ends when that does; whoever reads us sees to it.
    for (const iterator of iterators) void Promise.resolve(iterator.return?.()).catch(() => undefined);
  }
}

type Arrival<Item> =
  | { readonly iterator: AsyncIterator<Item>; readonly result: IteratorResult<Item> }
  | { readonly iterator: AsyncIterator<Item>; readonly error: unknown };
