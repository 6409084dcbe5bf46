/**
 * Ends once the tracker's scrape URL, the only argument, reports a seeder. A separate program, so
 * that it can run in the network namespace that reaches the tracker.
 */
import { until } from "../../support/until.ts";

const scrapeUrl = Deno.args[0]!;
// Bencoded counts, sorted by key. Spec: BEP 48, tracker scrape.
await until(async () => /8:completei[1-9]/.test(await scrape()), "the tracker knows a seeder");

async function scrape(): Promise<string> {
  const answer = await fetch(scrapeUrl);
  const text = await answer.text();
  console.log(answer.status, text);
  return text;
}
