// Developers' pages: finds operations, and sends a try-it with the visitor's own key, which stays in its field.
"use strict";

(() => {
  const filter = document.getElementById("filter");
  if (filter) {
    document.querySelector("[data-filter-box]").hidden = false;
    filter.addEventListener("input", () => {
      const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      document.querySelectorAll("[data-filtered]").forEach((part) => {
        let here = 0;
        part.querySelectorAll("[data-text]").forEach((entry) => {
          const text = entry.dataset.text.toLowerCase();
          entry.hidden = !words.every((word) => text.includes(word));
          here += entry.hidden ? 0 : 1;
        });
        part.hidden = here === 0;
        shown += here;
      });
      document.getElementById("nothing").hidden = shown > 0;
    });
  }

  const part = document.querySelector("[data-try]");
  if (!part) return;
  part.hidden = false;
  const form = part.querySelector("form"), answer = part.querySelector(".answer");
  const unique = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  const fresh = () => {
    const field = form.querySelector("[data-name='Idempotency-Key']");
    if (field) field.value = unique();
  };
  fresh();

  function request() {
    let path = form.dataset.path;
    const query = new URLSearchParams(), headers = new Headers();
    form.querySelectorAll("[data-place]").forEach((field) => {
      const { place, name } = field.dataset;
      if (place === "path") path = path.replace(`{${name}}`, encodeURIComponent(field.value));
      else if (place === "query" && field.value) query.set(name, field.value);
      else if (place === "header" && field.value) headers.set(name, field.value);
    });
    const key = document.getElementById("own-key");
    if (key?.value) headers.set("Authorization", `Bearer ${key.value.trim()}`);
    let body;
    const text = form.querySelector("[data-body]"), files = form.querySelectorAll("[data-file]");
    if (text) {
      headers.set("Content-Type", text.dataset.body);
      body = text.value;
    } else if (files.length) {
      body = new FormData();
      files.forEach((field) => { for (const file of field.files) body.append(field.dataset.file, file); });
    }
    const search = query.size ? `?${query}` : "";
    return [path + search, { method: form.dataset.method, headers, body, credentials: "omit", cache: "no-store" }];
  }

  function asDataUrl(blob) {
    return new Promise((resolve) => {
      const reader = new FileReader();
      reader.onload = () => resolve(reader.result);
      reader.readAsDataURL(blob);
    });
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    const say = (name, value) => { answer.querySelector(`[data-${name}]`).textContent = value; };
    const picture = answer.querySelector("img");
    picture.hidden = true;
    say("answer", "");
    say("headers", "");
    say("time", "");
    const began = performance.now();
    try {
      const response = await fetch(...request());
      const blob = await response.blob();
      say("status", `${response.status} ${response.statusText}`);
      say("time", `${Math.round(performance.now() - began)} ms`);
      say("headers", [...response.headers].map(([name, value]) => `${name}: ${value}`).join("\n"));
      const type = response.headers.get("content-type") ?? "";
      if (type.startsWith("image/")) {
        picture.src = await asDataUrl(blob);
        picture.hidden = false;
      } else if (type.includes("json")) {
        const text = await blob.text();
        try { say("answer", JSON.stringify(JSON.parse(text), null, 2)); } catch { say("answer", text); }
      } else if (type.startsWith("text/")) say("answer", await blob.text());
      else say("answer", blob.size ? `${blob.size} B` : "");
    } catch {
      say("status", answer.dataset.away);
    }
    answer.hidden = false;
    button.disabled = false;
    fresh();
  });
})();
