// The tour: one sentence after the other beside the part of the page that it is about. Offered until somebody answers.
"use strict";

(() => {
  const panel = document.getElementById("tour");
  const steps = JSON.parse(panel.dataset.steps), kept = `tour ${panel.dataset.area}`;
  const [says, count] = panel.querySelectorAll("p"), [back, next, close] = panel.querySelectorAll("button");
  const offer = document.getElementById("tour-offer"), starts = document.querySelectorAll("[data-tour-start]");
  const seen = (selector) => [...document.querySelectorAll(selector)].find((one) => one.offsetParent);
  let there = [], at = 0;

  function show(number) {
    document.querySelector(".toured")?.classList.remove("toured");
    at = number;
    const { part, text } = there[at];
    part.classList.add("toured");
    part.scrollIntoView({ block: "center" });
    says.textContent = text;
    count.textContent = panel.dataset.step.replace("{number}", at + 1).replace("{count}", there.length);
    back.disabled = at === 0;
    next.hidden = at === there.length - 1;
  }
  function open() {
    const touch = matchMedia("(hover: none) and (pointer: coarse)").matches;
    there = steps.filter((step) => !(touch && step.keys)).map((step) => ({ part: seen(step.at), text: step.says })).filter((step) => step.part);
    if (!there.length) return;
    panel.hidden = false;
    show(0);
  }
  function answered() {
    offer.hidden = true;
    localStorage.setItem(kept, "seen");
  }
  function end() {
    document.querySelector(".toured")?.classList.remove("toured");
    panel.hidden = true;
    [...starts].at(-1).focus();
  }
  back.addEventListener("click", () => { show(at - 1); if (back.disabled) next.focus(); });
  next.addEventListener("click", () => { show(at + 1); if (next.hidden) close.focus(); });
  close.addEventListener("click", end);
  panel.addEventListener("keydown", (event) => { if (event.key === "Escape") end(); });
  starts.forEach((start) => {
    start.hidden = false;
    start.addEventListener("click", () => { answered(); open(); (next.hidden ? close : next).focus({ preventScroll: true }); });
  });
  offer.lastElementChild.addEventListener("click", answered);
  offer.hidden = localStorage.getItem(kept) !== null;
})();
