// Times in the reader's own zone; the status page works without it.
"use strict";

document.querySelectorAll("[data-local]").forEach((time) => {
  const style = { dateStyle: "medium", timeStyle: "short" };
  time.textContent = new Date(time.dateTime).toLocaleString(document.documentElement.lang, style);
});
