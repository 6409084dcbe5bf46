/** Where a module puts what it decides. An array of a wider type is one, too. */
export interface Sink<T> {
  push(item: T): number;
}
