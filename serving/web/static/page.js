// Makes the forms answer in place, and adds drop, paste and the opacity slider. The page works without it.
"use strict";

const result = document.getElementById("result");
const upload = document.querySelector(".upload");
const drop = upload.querySelector(".drop");
const input = upload.querySelector("input[type=file]");

async function send(form) {
  const buttons = document.querySelectorAll("button");
  buttons.forEach((button) => { button.disabled = true; });
  say("working", result.dataset.working);
  try {
    const answer = await fetch(form.action, {
      method: "POST",
      body: form.enctype === "multipart/form-data" ? new FormData(form) : null,
      headers: { "X-Fragment": "1" },
    });
    if (!(answer.headers.get("Content-Type") || "").startsWith("text/html")) throw new Error("no page");
    result.innerHTML = await answer.text();
  } catch {
    say("error", result.dataset.failed);
  }
  buttons.forEach((button) => { button.disabled = false; });
  prepare();
}

function say(kind, text) {
  const section = document.createElement("section");
  section.className = `result ${kind}`;
  section.textContent = text;
  result.replaceChildren(section);
}

function prepare() {
  const section = result.querySelector(".result");
  const layers = result.querySelectorAll(".heat");
  if (layers.length) {
    const label = result.querySelector(".opacity");
    label.hidden = false;
    label.querySelector("input").addEventListener("input", (event) => {
      layers.forEach((layer) => { layer.style.opacity = String(event.target.value / 100); });
    });
  }
  if (section) {
    section.focus({ preventScroll: true });
    section.scrollIntoView({ behavior: "smooth", block: "start" });
  }
}

function take(files) {
  const all = [...files];
  const photo = all.find((file) => file.type.startsWith("image/") || /\.(heic|heif|avif)$/i.test(file.name)) ?? all[0];
  if (!photo) return;
  const transfer = new DataTransfer();
  transfer.items.add(photo);
  input.files = transfer.files;
  upload.requestSubmit();
}

document.addEventListener("submit", (event) => {
  event.preventDefault();
  send(event.target);
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
prepare();
