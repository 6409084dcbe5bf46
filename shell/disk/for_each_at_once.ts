/** Visits many files without asking the system for all of them at the same time. */

/** Calls under way at once; more do not make a disk faster. */
const VISITS_MAX = 8;

/** Visits all items, some of them at once; after a failure no further visit starts. */
export async function forEachAtOnce<T>(
  items: readonly T[],
  visit: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  const walk = async () => {
    while (next < items.length) {
      try {
        await visit(items[next++]!);
      } catch (error) {
        next = items.length;
        throw error;
      }
    }
  };
  const walks = await Promise.allSettled(Array.from({ length: VISITS_MAX }, walk));
  for (const outcome of walks) if (outcome.status === "rejected") throw outcome.reason;
}
