/**
 * Keeps the numbers of the page alive: asks for the page again and takes over what has changed. The
 * page is complete without it.
 */

/** Often enough to watch a swarm, seldom enough for a hundred readers. */
const REFRESH_MS = 5_000;

export const PAGE_SCRIPT = `
setInterval(async () => {
  if (document.hidden) return;
  let fresh;
  try {
    const answer = await fetch(location.href);
    if (!answer.ok) return;
    fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  } catch {
    return;
  }
  const rows = (page) => [...page.querySelectorAll("[data-row]")].map((row) => row.dataset.row).join();
  const list = document.querySelector("#list");
  if (rows(document) !== rows(fresh) && !list.contains(document.activeElement)) {
    list.replaceWith(fresh.querySelector("#list"));
  }
  for (const now of fresh.querySelectorAll("[data-live]")) {
    const shown = document.getElementById(now.id);
    if (shown === null || shown.textContent === now.textContent) continue;
    shown.textContent = now.textContent;
    shown.parentElement.className = now.parentElement.className;
  }
}, ${REFRESH_MS});
`;
