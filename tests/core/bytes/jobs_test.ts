import { assertEquals } from "@std/assert";
import { createJobs, finishJob, type JobCounter, startJob } from "../../../core/bytes/jobs.ts";

type Job = { readonly kind: "dial"; readonly to: string } | { readonly kind: "write" };

Deno.test("a job is finished once, by an answer of its kind", () => {
  const counter: JobCounter = { next: 7 };
  const jobs = createJobs<Job>(counter), others = createJobs<Job>(counter);
  const dial = { kind: "dial", to: "a" } as const;
  assertEquals([startJob(jobs, dial), startJob(others, { kind: "write" })], [7, 8]);
  assertEquals(finishJob(jobs, 7, "write"), undefined, "another kind");
  assertEquals(finishJob(jobs, 8, "write"), undefined, "another table's");
  assertEquals(jobs.underWay.size, 1);
  assertEquals(finishJob(jobs, 7, "write", "dial"), dial);
  assertEquals(finishJob(jobs, 7, "dial"), undefined, "answered already");
  assertEquals([jobs.underWay.size, others.underWay.size, counter.next], [0, 1, 9]);
});
