/** What hostile peers flood a seeder with. */
export const ATTACKS = ["keep-alives", "haves", "interest", "choked requests", "cancels"] as const;
export type Attack = typeof ATTACKS[number];
