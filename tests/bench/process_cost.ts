/** The cost of a process so far, all threads together, from /proc. */

/** The kernel reports hundredths of a second to every program, whatever its own tick is. */
const TICKS_PER_SECOND = 100;

export interface ProcessCost {
  /** Seconds of user and system time since the start. */
  readonly cpuSeconds: number;
  /** Peak resident size so far, in bytes, mapped files included. */
  readonly peakResidentBytes: number;
  /** Resident size now. */
  readonly residentBytes: number;
}

/** Throws when the process has ended. */
export async function readProcessCost(pid: number): Promise<ProcessCost> {
  const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
  // The program's name, in parentheses, may contain spaces; the state follows it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = Number(fields[11]) + Number(fields[12]);
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  const bytesOf = (name: string) => {
    return 1024 * Number(status.match(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m"))?.[1] ?? NaN);
  };
  return {
    cpuSeconds: ticks / TICKS_PER_SECOND,
    peakResidentBytes: bytesOf("VmHWM"),
    residentBytes: bytesOf("VmRSS"),
  };
}
