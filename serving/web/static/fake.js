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
  let original = null, unpainted = null; // what was said of the photo before anything was painted on it
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
    done.push([pen.getImageData(left, top, wide, high), left, top, x, y, radius]);
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

  // All of it as a generator's decoder makes it: cells of a few pixels out of one number each, with grain laid over.
  const CELL = 4, HARD = 0.5, SOFTENED = 0.5, GRAIN = 2.5; // as serving/demo/samples.py draws its made-up pictures
  function redraw() {
    const { width, height } = canvas;
    done.push([pen.getImageData(0, 0, width, height), 0, 0, 0, 0, Infinity]);
    const small = new OffscreenCanvas(Math.ceil(width / CELL), Math.ceil(height / CELL)), coarse = small.getContext("2d");
    coarse.imageSmoothingQuality = "high";
    coarse.drawImage(canvas, 0, 0, small.width, small.height);
    const decoded = new OffscreenCanvas(width, height), brush = decoded.getContext("2d");
    for (const [smooth, share] of [[false, 1], [true, 1 - HARD]]) {
      brush.imageSmoothingEnabled = smooth;
      brush.globalAlpha = share;
      brush.drawImage(small, 0, 0, width, height);
    }
    pen.filter = `blur(${SOFTENED}px)`;
    pen.drawImage(decoded, 0, 0);
    pen.filter = "none";
    const picture = pen.getImageData(0, 0, width, height), normal = () =>
      Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
    picture.data.forEach((value, index) => { if (index % 4 !== 3) picture.data[index] = value + GRAIN * normal(); });
    pen.putImageData(picture, 0, 0);
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
    unpainted = null;
    done.length = 0;
    bench.hidden = false;
    ready();
    bench.scrollIntoView({ block: "nearest" });
  }

  function encoded() {
    return new Promise((resolve) => { canvas.toBlob(resolve, "image/jpeg", QUALITY); });
  }

  // The page's answer on a picture: its parts, and which verdict they tell.
  async function ask(blob, before) {
    const body = new FormData();
    body.append("image", blob, before ? "before.jpg" : "faked.jpg");
    if (!before) body.append("claim", studio.querySelector("[name=defect]:checked").value);
    const answer = await fetch("/check", { method: "POST", body, headers: { "X-Fragment": "1" } });
    if (!(answer.headers.get("Content-Type") || "").startsWith("text/html")) throw new Error("no page");
    const made = document.createElement("template");
    made.innerHTML = await answer.text();
    made.content.querySelectorAll(".opacity").forEach((label) => { label.hidden = false; });
    const section = made.content.querySelector(".result");
    const verdict = ["fake", "authentic", "inconclusive"].find((name) => section?.classList.contains(name));
    return { content: made.content, verdict, share: section?.querySelector(".probability strong")?.textContent };
  }

  async function judge(blob, before) {
    const buttons = [...studio.querySelectorAll("button")].filter((button) => !button.disabled);
    buttons.forEach((button) => { button.disabled = true; });
    told.textContent = studio.dataset.working;
    result.replaceChildren();
    at("why").hidden = true;
    try {
      const said = await ask(blob, before);
      const name = said.verdict && (before ? `before${said.verdict[0].toUpperCase()}${said.verdict.slice(1)}` : said.verdict);
      told.textContent = name ? studio.dataset[name] : "";
      told.dataset.verdict = said.verdict ?? "";
      if (before) unpainted = said.share;
      const heat = said.content.querySelector("image.heat");
      result.replaceChildren(said.content);
      if (said.verdict && !before) await explain(said, heat);
    } catch {
      told.textContent = studio.dataset.failed;
    }
    buttons.forEach((button) => { button.disabled = false; });
    told.scrollIntoView({ block: "start" });
  }

  // Why it came to this: before and after, and what the map says of the painted places and of the rest.
  async function explain(said, heat) {
    at("why-after").textContent = said.share;
    const [place, rest] = heat ? await shares(heat) : [null, null];
    const percent = (share) => (share === null ? "–" : `${Math.round(100 * share)}%`);
    at("why-place").textContent = percent(place);
    at("why-rest").textContent = percent(rest);
    at("why-verdict").textContent = at("why").dataset[said.verdict];
    at("why-before").textContent = unpainted ?? "…";
    at("why").hidden = false;
    unpainted ??= (await ask(original, true)).share ?? null;
    at("why-before").textContent = unpainted ?? "–";
  }

  // Means of the map's cells, 0 to 1: of those that were painted on, and of the others.
  async function shares(heat) {
    const map = new Image();
    map.src = heat.getAttribute("href");
    await map.decode();
    const sheet = document.createElement("canvas");
    [sheet.width, sheet.height] = [map.naturalWidth, map.naturalHeight];
    const brush = sheet.getContext("2d");
    brush.drawImage(map, 0, 0);
    const cells = brush.getImageData(0, 0, sheet.width, sheet.height).data;
    const cell = heat.getAttribute("width") / sheet.width, sums = [0, 0], counts = [0, 0];
    for (let row = 0; row < sheet.height; row += 1) {
      for (let column = 0; column < sheet.width; column += 1) {
        const x = (column + 0.5) * cell, y = (row + 0.5) * cell;
        const other = Number(!done.some(([, , , middle, height, radius]) => Math.hypot(x - middle, y - height) < radius));
        sums[other] += cells[4 * (row * sheet.width + column) + 3] / 255;
        counts[other] += 1;
      }
    }
    return sums.map((sum, index) => (counts[index] ? sum / counts[index] : null));
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
  at("redraw").addEventListener("click", redraw);
  at("undo").addEventListener("click", () => {
    const last = done.pop();
    if (last) pen.putImageData(...last.slice(0, 3));
    ready();
  });
  at("check").addEventListener("click", async () => judge(await encoded(), false));
  at("before").addEventListener("click", () => judge(original, true));
  document.addEventListener("input", (event) => {
    if (!event.target.matches(".opacity input")) return;
    event.target.closest("figure").querySelectorAll(".heat").forEach((layer) => { layer.style.opacity = String(event.target.value / 100); });
  });
})();
