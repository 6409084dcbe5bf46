/** The kinds of flood that hostile peers send to a seeder. */
export const ATTACKS = ["keep-alives", "haves", "interest", "choked requests", "cancels"] as const;
export type Attack = typeof ATTACKS[number];
