// Times in the reader's own zone, and what a buyer writes outlives a reload (a phone that takes a photo may drop the page);
// the status page works without it.
"use strict";

document.querySelectorAll("[data-local]").forEach((time) => {
  const style = { dateStyle: "medium", timeStyle: "short" };
  time.textContent = new Date(time.dateTime).toLocaleString(document.documentElement.lang, style);
});

(() => {
  const grounds = document.getElementById("grounds"), name = `grounds ${location.pathname}`;
  try {
    if (!grounds) { sessionStorage.removeItem(name); return; } // it was sent
    grounds.value ||= sessionStorage.getItem(name) ?? "";
    grounds.addEventListener("input", () => { sessionStorage.setItem(name, grounds.value); });
  } catch { /* this browser keeps nothing for pages */ }
})();
