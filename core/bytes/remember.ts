/** Answers that are kept, for questions that come again and again. */

/**
 * A function that gives what `compute` gives, and computes it once for each of at most `keptMax` texts;
 * one more, and all are computed anew.
 */
export function remember<T>(
  keptMax: number,
  compute: (text: string) => T,
): (text: string) => T {
  const kept = new Map<string, T>();
  return (text) => {
    const known = kept.get(text);
    if (known !== undefined) return known;
    const value = compute(text);
    if (kept.size >= keptMax) kept.clear();
    kept.set(text, value);
    return value;
  };
}
