// Administrators' pages. Every action works without this file.
"use strict";

(() => {
  // a second click must not send a form again: the answer to the first may hold a secret that is shown only there
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("form.once")) return;
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
  });
  window.addEventListener("pageshow", () => {
    document.querySelectorAll("form.once").forEach((form) => { delete form.dataset.sent; });
  });
  document.getElementById("failure")?.focus();
})();
