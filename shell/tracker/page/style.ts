/** How the page looks: light or dark as the reader's system is, from a phone's width up. */

export const PAGE_STYLE = `
:root {
  color-scheme: light dark;
  --ground: #f6f7f9; --sheet: #fff; --line: #e3e6eb; --ink: #171b22; --soft: #5b6472;
  --accent: #0b6e6e; --accent-soft: #e2f2f0; --on-accent: #fff;
  --seed: #17803d; --leech: #a15c00; --none: #8a93a1;
  --shadow: 0 1px 2px rgb(16 24 40 / .05), 0 6px 20px rgb(16 24 40 / .05);
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #0e1116; --sheet: #161b22; --line: #29303a; --ink: #e7ebf0; --soft: #98a2b1;
    --accent: #4fd1c0; --accent-soft: #12302f; --on-accent: #05201d;
    --seed: #4ccb7a; --leech: #e8a94b; --none: #6b7482;
    --shadow: 0 1px 2px rgb(0 0 0 / .4);
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--ground); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
  -webkit-text-size-adjust: 100%;
}
a { color: var(--accent); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.page { max-width: 62rem; margin: 0 auto; padding: 2.25rem 1.25rem 3rem; }

header { display: flex; flex-wrap: wrap; align-items: center; gap: .75rem 1rem; }
h1 { margin: 0; font-size: 1.5rem; line-height: 1.2; letter-spacing: -.02em; }
h1 a { display: flex; align-items: center; gap: .7rem; color: inherit; text-decoration: none; }
h1 svg { width: 2.1rem; height: 2.1rem; flex: none; }
.announce { margin: 0 0 0 auto; color: var(--soft); font-size: .875rem; min-width: 0; }
code {
  font: .875em/1.4 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  background: var(--accent-soft); color: var(--ink); padding: .2em .45em; border-radius: .35rem;
  overflow-wrap: anywhere;
}

.totals {
  display: grid; grid-template-columns: repeat(4, 1fr); margin: 1.75rem 0; padding: 0;
  background: var(--sheet); border: 1px solid var(--line); border-radius: .9rem;
  box-shadow: var(--shadow);
}
.totals div { padding: .95rem 1.25rem; }
.totals div + div { border-left: 1px solid var(--line); }
.totals dt { color: var(--soft); font-size: .8125rem; }
.totals dd { margin: 0; font-size: 1.6rem; line-height: 1.25; font-weight: 650; letter-spacing: -.02em; }
.totals dd, .swarm b { font-variant-numeric: tabular-nums; }

.bar { display: flex; flex-wrap: wrap; align-items: end; gap: .75rem 1rem; margin-bottom: .9rem; }
h2 { margin: 0; font-size: 1.0625rem; }
h2 small { color: var(--soft); font-weight: 400; font-size: .875rem; margin-left: .35rem; }
form { display: flex; gap: .5rem; margin-left: auto; }
input, button {
  font: inherit; font-size: 1rem; padding: .45rem .8rem; border-radius: .55rem; min-width: 0;
  border: 1px solid var(--line); background: var(--sheet); color: inherit;
}
input::placeholder { color: var(--soft); opacity: 1; }
button { background: var(--accent); border-color: var(--accent); color: var(--on-accent); cursor: pointer; }

.torrents {
  list-style: none; margin: 0; padding: 0; background: var(--sheet);
  border: 1px solid var(--line); border-radius: .9rem; box-shadow: var(--shadow);
}
.torrents > li {
  display: grid; grid-template-columns: minmax(0, 1fr) auto auto; align-items: center;
  gap: .35rem 1.5rem; padding: .95rem 1.25rem;
}
.torrents > li + li { border-top: 1px solid var(--line); }
h3 { margin: 0; font-size: 1rem; font-weight: 600; line-height: 1.35; overflow-wrap: anywhere; }
.facts { margin: .15rem 0 0; color: var(--soft); font-size: .8125rem; }
.facts span { white-space: nowrap; }
.facts span:not(:last-child)::after { content: " ·"; }
.swarm { display: flex; gap: .75rem; margin: 0; padding: 0; list-style: none; font-size: .8125rem; }
.swarm li { color: var(--soft); width: 4.5rem; text-align: right; }
.swarm .leeches { width: 5.25rem; }
.swarm b { display: block; font-size: 1.0625rem; line-height: 1.25; color: var(--none); }
.swarm .seeds.some b { color: var(--seed); }
.swarm .leeches.some b { color: var(--leech); }
.swarm .done.some b { color: var(--ink); }
.ways { display: flex; gap: .5rem; }
.ways a {
  padding: .4rem .8rem; border-radius: .55rem; border: 1px solid var(--line); font-size: .875rem;
  font-weight: 550; text-decoration: none; white-space: nowrap;
}
.ways a.first { background: var(--accent-soft); border-color: transparent; }
.ways a:hover { border-color: var(--accent); }

.empty {
  padding: 2.75rem 1.5rem; text-align: center; background: var(--sheet);
  border: 1px dashed var(--line); border-radius: .9rem; color: var(--soft);
}
.empty strong { display: block; color: var(--ink); font-size: 1.0625rem; margin-bottom: .3rem; }
.empty p { margin: .35rem 0 0; }
nav { display: flex; justify-content: space-between; margin-top: 1rem; font-size: .9375rem; }
footer {
  display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin-top: 2.5rem; color: var(--soft);
  font-size: .8125rem;
}
footer a { color: inherit; }

@media (max-width: 46rem) {
  .page { padding: 1.25rem 1rem 2.5rem; }
  .announce { margin-left: 0; flex-basis: 100%; }
  .totals { grid-template-columns: repeat(2, 1fr); margin: 1.25rem 0; }
  .totals div { padding: .75rem 1rem; }
  .totals div:nth-child(odd) { border-left: 0; }
  .totals div:nth-child(n + 3) { border-top: 1px solid var(--line); }
  form { margin-left: 0; flex: 1 1 100%; }
  input { flex: 1; }
  .torrents > li { grid-template-columns: minmax(0, 1fr); padding: 1rem; gap: .7rem; }
  .swarm { flex-wrap: wrap; gap: .25rem 1.25rem; }
  .swarm li, .swarm .leeches { text-align: left; width: auto; }
  .swarm b { display: inline; margin-right: .25em; }
  .ways a { flex: 1; text-align: center; padding: .55rem .8rem; }
}
`;
