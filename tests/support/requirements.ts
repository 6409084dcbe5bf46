/**
 * Owns what happens when a client is not installed: the test is skipped, and both its name and a
 * warning give the reason. With TT_REQUIRE_PEERS=1 it fails instead, so that no skip goes
 * unnoticed.
 */

export interface Requirement {
  missing(): Promise<string | undefined>;
}

export interface InteropTest {
  readonly name: string;
  readonly needs: readonly Requirement[];
  readonly fn: (test: Deno.TestContext) => Promise<void>;
}

/** Registers a test that needs clients of this machine. Await it at the top of the test file. */
export async function interopTest({ name, needs, fn }: InteropTest): Promise<void> {
  const answers = await Promise.all(needs.map((need) => need.missing()));
  const missing = [...new Set(answers.filter((answer) => answer !== undefined))].join("; ");
  if (missing === "") {
    Deno.test(name, fn);
  } else if (Deno.env.get("TT_REQUIRE_PEERS") === "1") {
    Deno.test(name, () => {
      throw new Error(`This machine cannot run the test: ${missing}`);
    });
  } else {
    console.warn(`SKIPPED: ${name}: ${missing}`);
    Deno.test({ name: `${name} [skipped: ${missing}]`, ignore: true, fn: () => {} });
  }
}

/** Runs steps in parallel, since clients mostly wait; every step runs even if another fails. */
export async function concurrentSteps(
  test: Deno.TestContext,
  steps: readonly { readonly name: string; readonly fn: () => Promise<void> }[],
): Promise<void> {
  const sanitizers = { sanitizeOps: false, sanitizeResources: false, sanitizeExit: false };
  await Promise.all(steps.map(({ name, fn }) => test.step({ name, fn, ...sanitizers })));
}
