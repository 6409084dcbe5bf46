/** One thread a core that hashes pieces; the main thread only says where they are. */
import type { HashAnswer, HashTask } from "./hash_tasks.ts";

/** More threads than this wait for memory or for the disk. */
const THREADS_MAX = 8;

/** Answers in the order of the tasks; rejects when the thread itself fails. */
export type HashThread = (tasks: readonly HashTask[]) => Promise<readonly HashAnswer[]>;

export class HashPool implements Disposable {
  readonly threads: readonly HashThread[];
  readonly #workers: readonly Worker[];

  constructor() {
    const count = Math.min(navigator.hardwareConcurrency, THREADS_MAX);
    this.#workers = Array.from({ length: count }, () => {
      return new Worker(new URL("./hash_worker.ts", import.meta.url), { type: "module" });
    });
    this.threads = this.#workers.map(threadOf);
  }

  /** Ends all threads, whatever they do. */
  [Symbol.dispose](): void {
    for (const worker of this.#workers) worker.terminate();
  }
}

function threadOf(worker: Worker): HashThread {
  const waiting: PromiseWithResolvers<readonly HashAnswer[]>[] = [];
  worker.onmessage = ({ data }: MessageEvent<readonly HashAnswer[]>) => {
    waiting.shift()?.resolve(data);
  };
  worker.onerror = (event) => {
    event.preventDefault();
    for (const { reject } of waiting.splice(0)) reject(new Error(event.message));
  };
  return (tasks) => {
    const answer = Promise.withResolvers<readonly HashAnswer[]>();
    waiting.push(answer);
    worker.postMessage(tasks);
    return answer.promise;
  };
}
