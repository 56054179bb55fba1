// Paints a hole, a stain or mould on a photo in the browser, and has it judged like any other photo.
"use strict";

(() => {
  const at = (id) => document.getElementById(id);
  const studio = at("studio"), canvas = at("canvas"), bench = at("bench"), told = at("told"), result = at("result");
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  const LONGEST = 2560; // pixels: what a messenger leaves of a large photo, and a canvas of any phone can hold
  const QUALITY = 0.92; // of the JPEG that is sent, painted or not
  const MOST_UNDO = 20;
  const done = [];
  let original = null;
  studio.hidden = false;

  // A smooth field of chance, about -1 to 1: a few waves of random direction.
  function waves(scale, count = 9) {
    const all = Array.from({ length: count }, () => {
      const turn = Math.random() * 2 * Math.PI, pace = (0.5 + Math.random()) * scale;
      return [Math.cos(turn) * pace, Math.sin(turn) * pace, Math.random() * 2 * Math.PI];
    });
    return (x, y) => all.reduce((sum, [a, b, c]) => sum + Math.sin(a * x + b * y + c), 0) / Math.sqrt(count * 2);
  }

  // What a defect lays over a place, for x and y in radii from its middle: colour and share of it, 0 to 1.
  const PAINTERS = {
    hole() {
      const edge = waves(4), fray = waves(30);
      return (x, y) => {
        const far = Math.hypot(x, y) * (1.25 + 0.3 * edge(x, y) + 0.06 * fray(x, y));
        if (far < 0.92) return [22, 19, 18, 1];
        return far < 1.08 ? [198, 200, 204, Math.max(0, 1 - Math.abs(far - 1) / 0.08) * 0.75] : [0, 0, 0, 0];
      };
    },
    stain() {
      const edge = waves(3), inner = waves(7);
      return (x, y) => {
        const far = Math.hypot(x, y) * (1.2 + 0.3 * edge(x, y));
        if (far > 1) return [0, 0, 0, 0];
        const rim = Math.max(0, 1 - Math.abs(far - 0.93) / 0.07) * 0.25;
        return [112, 70, 34, Math.min(1, (1 - far) * 8) * (0.45 + 0.12 * inner(x, y)) + rim];
      };
    },
    mould() {
      const edge = waves(4), spots = waves(14), fuzz = waves(60);
      return (x, y) => {
        const far = Math.hypot(x, y) * (1.2 + 0.35 * edge(x, y));
        if (far > 1) return [0, 0, 0, 0];
        const grown = Math.min(1, Math.max(0, (spots(x, y) + 0.5) * 1.6)) * Math.min(1, (1 - far) * 4);
        const pale = Math.min(1, Math.max(0, far * 1.1 + 0.25 * fuzz(x, y)));
        return [86 + 80 * pale, 112 + 66 * pale, 82 + 74 * pale, grown * (0.8 + 0.2 * fuzz(x, y))];
      };
    },
  };

  function paint(x, y) {
    const kind = studio.querySelector("[name=defect]:checked").value;
    const radius = Math.max(4, at("size").value / 200 * Math.max(canvas.width, canvas.height));
    const reach = Math.ceil(radius * 1.3);
    const left = Math.max(0, Math.floor(x - reach)), top = Math.max(0, Math.floor(y - reach));
    const wide = Math.min(canvas.width, Math.ceil(x + reach)) - left, high = Math.min(canvas.height, Math.ceil(y + reach)) - top;
    if (wide < 1 || high < 1) return;
    done.push([pen.getImageData(left, top, wide, high), left, top]);
    if (done.length > MOST_UNDO) done.shift();
    const place = pen.getImageData(left, top, wide, high), pixels = place.data, colour = PAINTERS[kind]();
    for (let row = 0; row < high; row += 1) {
      for (let column = 0; column < wide; column += 1) {
        const [red, green, blue, share] = colour((left + column - x) / radius, (top + row - y) / radius);
        const part = Math.min(1, Math.max(0, share));
        if (part === 0) continue;
        const first = 4 * (row * wide + column);
        pixels[first] += (red - pixels[first]) * part;
        pixels[first + 1] += (green - pixels[first + 1]) * part;
        pixels[first + 2] += (blue - pixels[first + 2]) * part;
      }
    }
    pen.putImageData(place, left, top);
    ready();
  }

  function ready() {
    at("undo").disabled = at("check").disabled = done.length === 0;
  }

  async function open(blob) {
    told.textContent = "";
    result.replaceChildren();
    let picture;
    try {
      picture = await createImageBitmap(blob);
    } catch {
      told.textContent = studio.dataset.unreadable;
      return;
    }
    const scale = Math.min(1, LONGEST / Math.max(picture.width, picture.height));
    canvas.width = Math.round(picture.width * scale);
    canvas.height = Math.round(picture.height * scale);
    pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
    original = await encoded();
    done.length = 0;
    bench.hidden = false;
    ready();
    bench.scrollIntoView({ block: "nearest" });
  }

  function encoded() {
    return new Promise((resolve) => { canvas.toBlob(resolve, "image/jpeg", QUALITY); });
  }

  async function judge(blob, before) {
    const buttons = [...studio.querySelectorAll("button")].filter((button) => !button.disabled);
    buttons.forEach((button) => { button.disabled = true; });
    told.textContent = studio.dataset.working;
    result.replaceChildren();
    const body = new FormData();
    body.append("image", blob, before ? "before.jpg" : "faked.jpg");
    if (!before) body.append("claim", studio.querySelector("[name=defect]:checked").value);
    try {
      const answer = await fetch("/check", { method: "POST", body, headers: { "X-Fragment": "1" } });
      if (!(answer.headers.get("Content-Type") || "").startsWith("text/html")) throw new Error("no page");
      const made = document.createElement("template");
      made.innerHTML = await answer.text();
      made.content.querySelectorAll(".opacity").forEach((label) => { label.hidden = false; });
      const section = made.content.querySelector(".result");
      const verdict = ["fake", "authentic", "inconclusive"].find((name) => section?.classList.contains(name));
      const name = verdict && (before ? `before${verdict[0].toUpperCase()}${verdict.slice(1)}` : verdict);
      told.textContent = name ? studio.dataset[name] : "";
      told.dataset.verdict = verdict ?? "";
      result.replaceChildren(made.content);
    } catch {
      told.textContent = studio.dataset.failed;
    }
    buttons.forEach((button) => { button.disabled = false; });
    told.scrollIntoView({ block: "start" });
  }

  at("photo").addEventListener("change", (event) => { if (event.target.files[0]) open(event.target.files[0]); });
  const drop = at("drop");
  ["dragover", "drop"].forEach((name) => document.addEventListener(name, (event) => event.preventDefault()));
  drop.addEventListener("drop", (event) => { if (event.dataTransfer.files[0]) open(event.dataTransfer.files[0]); });
  studio.querySelectorAll("[data-sample]").forEach((button) => button.addEventListener("click", async () => {
    open(await (await fetch(button.dataset.sample)).blob());
  }));
  canvas.addEventListener("click", (event) => {
    const box = canvas.getBoundingClientRect();
    paint((event.clientX - box.left) / box.width * canvas.width, (event.clientY - box.top) / box.height * canvas.height);
  });
  at("middle").addEventListener("click", () => paint(canvas.width / 2, canvas.height / 2));
  at("undo").addEventListener("click", () => {
    const last = done.pop();
    if (last) pen.putImageData(...last);
    ready();
  });
  at("check").addEventListener("click", async () => judge(await encoded(), false));
  at("before").addEventListener("click", () => judge(original, true));
  document.addEventListener("input", (event) => {
    if (!event.target.matches(".opacity input")) return;
    event.target.closest("figure").querySelectorAll(".heat").forEach((layer) => { layer.style.opacity = String(event.target.value / 100); });
  });
})();
