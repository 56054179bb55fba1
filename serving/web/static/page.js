// Makes the forms answer in place, one photo after the other, and adds drop, paste and the opacity slider. The page
// works without it.
"use strict";

const result = document.getElementById("result");
const upload = document.querySelector(".upload");
const drop = upload.querySelector(".drop");
const input = upload.querySelector("input[type=file]");
const PHOTO = /\.(heic|heif|avif|livp)$/i; // browsers that cannot show these do not know that they are pictures

async function send(form, button) {
  const buttons = document.querySelectorAll("button");
  buttons.forEach((one) => { one.disabled = true; });
  result.replaceChildren();
  const address = button?.hasAttribute("formaction") ? button.formAction : form.action;
  const bodies = [...parts(form)];
  const verdicts = { fake: 0, authentic: 0, inconclusive: 0, error: 0 };
  for (const [index, body] of bodies.entries()) {
    const waiting = say("working", bodies.length > 1 ? progress(index + 1, bodies.length) : result.dataset.working);
    let answer;
    try {
      answer = await ask(address, body, waiting);
    } catch {
      answer = say("error", result.dataset.failed);
    }
    const kind = Object.keys(verdicts).find((one) => (answer.firstElementChild ?? answer).classList?.contains(one));
    verdicts[kind ?? "error"] += 1;
    waiting.replaceWith(answer);
    if (index === 0) show(result.querySelector(".result"));
  }
  if (bodies.length > 1) sum(bodies.length, verdicts);
  buttons.forEach((one) => { one.disabled = false; });
}

/* What became of several photos, above them. */
function sum(count, verdicts) {
  const line = document.createElement("p");
  line.className = "sum";
  line.textContent = Object.entries(verdicts).reduce(
    (text, [kind, number]) => text.replace(`{${kind}}`, number), result.dataset.sum.replace("{count}", count));
  result.prepend(line);
  show(line);
}

/* What is sent: a body for each photo of an upload, nothing for a sample. */
function* parts(form) {
  const data = new FormData(form);
  if (!data.has("image")) { yield null; return; }
  for (const photo of data.getAll("image")) {
    data.set("image", photo);
    yield copy(data);
  }
}

function copy(data) {
  const other = new FormData();
  for (const [name, value] of data) other.append(name, value);
  return other;
}

async function ask(address, body, waiting) {
  const made = document.createElement("template");
  made.innerHTML = await post(address, body, waiting);
  prepare(made.content);
  return made.content;
}

/* By XMLHttpRequest, which alone tells how much of a photo has gone. */
function post(address, body, waiting) {
  const request = new XMLHttpRequest(), bar = document.createElement("progress");
  Object.assign(bar, { max: 1, value: 0 });
  bar.setAttribute("aria-label", waiting.textContent);
  if (body) waiting.append(bar);
  return new Promise((done, fail) => {
    request.open("POST", address);
    request.setRequestHeader("X-Fragment", "1");
    request.upload.addEventListener("progress", ({ lengthComputable, loaded, total }) => {
      if (lengthComputable) bar.value = loaded / total;
    });
    request.upload.addEventListener("load", () => bar.removeAttribute("value"));
    request.addEventListener("error", fail);
    request.addEventListener("load", () => {
      const page = (request.getResponseHeader("Content-Type") || "").startsWith("text/html");
      if (page) done(request.responseText);
      else fail(new Error("no page"));
    });
    request.send(body);
  });
}

function progress(number, count) {
  return result.dataset.progress.replace("{number}", number).replace("{count}", count);
}

function say(kind, text) {
  const section = document.createElement("section");
  section.className = `result ${kind}`;
  section.textContent = text;
  if (kind === "working") result.append(section);
  return section;
}

function prepare(root) {
  root.querySelectorAll(".opacity").forEach((label) => { label.hidden = false; });
}

function show(section) {
  section?.focus({ preventScroll: true });
  section?.scrollIntoView({ behavior: "smooth", block: "start" });
}

function take(files) {
  const all = [...files];
  const photos = all.filter((file) => file.type.startsWith("image/") || PHOTO.test(file.name));
  const transfer = new DataTransfer();
  (photos.length ? photos : all.slice(0, 1)).forEach((file) => transfer.items.add(file));
  if (!transfer.files.length) return;
  input.files = transfer.files;
  upload.requestSubmit();
}

document.addEventListener("submit", (event) => {
  event.preventDefault();
  send(event.target, event.submitter);
});
document.addEventListener("input", (event) => {
  if (!event.target.matches(".opacity input")) return;
  event.target.closest("figure").querySelectorAll(".heat").forEach((layer) => {
    layer.style.opacity = String(event.target.value / 100);
  });
});
document.querySelector(".camera input").addEventListener("change", (event) => {
  if (event.target.files.length) event.target.form.requestSubmit();
});
document.addEventListener("paste", (event) => take(event.clipboardData.files));
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  drop.classList.add("over");
});
document.addEventListener("dragleave", () => drop.classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  take(event.dataTransfer.files);
});
/* Results are stored by nobody but this tab: whoever comes back finds them, without what was still under way. */
const KEPT = "results";
window.addEventListener("pagehide", () => {
  const whole = [...result.children].filter((one) => !one.matches(".working"));
  try {
    if (whole.length) sessionStorage.setItem(KEPT, whole.map((one) => one.outerHTML).join(""));
  } catch { /* more than a tab may keep, or it may keep nothing */ }
});
function takeBack() {
  try {
    const kept = sessionStorage.getItem(KEPT);
    sessionStorage.removeItem(KEPT);
    return kept;
  } catch { // the browser keeps nothing for pages
    return null;
  }
}
const kept = takeBack();
if (kept && !result.children.length && performance.getEntriesByType("navigation")[0]?.type === "back_forward") {
  result.innerHTML = kept;
}
prepare(document);
if (result.children.length) show(result.querySelector(".result"));
