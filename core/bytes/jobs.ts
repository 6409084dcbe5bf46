/**
 * What was asked of the shell and not answered yet. Every effect that will be answered carries a job's
 * number; an answer to an unknown number changes nothing.
 */

import type { View } from "./view.ts";

/** Ties an effect to the event that answers it. */
export type JobId = number;

/** Where numbers come from: one for all tables of a torrent, so that no two jobs share one. */
export interface JobCounter {
  next: JobId;
}

interface Own<J> {
  readonly counter: JobCounter;
  readonly underWay: Map<JobId, J>;
}

export type Jobs<J extends { readonly kind: string }> = View<Own<J>>;

/** A table without jobs. */
export function createJobs<J extends { readonly kind: string }>(counter: JobCounter): Jobs<J> {
  const own: Own<J> = { counter, underWay: new Map() };
  return own;
}

/** Registers a job; its answer carries the number. */
export function startJob<J extends { readonly kind: string }>(jobs: Jobs<J>, job: J): JobId {
  const id = jobs.counter.next++;
  (jobs as Own<J>).underWay.set(id, job);
  return id;
}

/** Takes the job out if it is known and of a kind that the answer answers. */
export function finishJob<J extends { readonly kind: string }, K extends J["kind"]>(
  jobs: Jobs<J>,
  id: JobId,
  ...kinds: K[]
): Extract<J, { kind: K }> | undefined {
  const job = jobs.underWay.get(id);
  if (job === undefined || !(kinds as string[]).includes(job.kind)) return undefined;
  (jobs as Own<J>).underWay.delete(id);
  return job as Extract<J, { kind: K }>;
}
