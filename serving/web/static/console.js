// What htmx alone does not do. Every action of the console works without this file.
"use strict";

/* links that are copied */
(() => {
  document.querySelectorAll("[data-copy]").forEach((button) => { button.hidden = false; });
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const link = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(link.href);
    } catch {  // no permission, or plain http: the old way
      getSelection().selectAllChildren(link);
      document.execCommand("copy");
    }
    button.textContent = button.dataset.copied;
  });
})();

/* drafts: what is typed outlives an ended login, a lost network and a part of the page that is drawn anew */
(() => {
  const OURS = ["csrf", "key", "version", "who", "drafted"];
  const said = document.getElementById("drafts");
  const finished = document.cookie.match(/(?:^|; )refundlens_done=([\w-]+)/)?.[1];
  const name = (form) => `draft ${new URL(form.action).pathname}`;
  const fields = (form) => [...form.elements].filter((one) =>
    one.name && !OURS.includes(one.name) && !["hidden", "file", "password", "submit", "button"].includes(one.type));

  function keep(form) {
    const values = fields(form).filter((one) => !["radio", "checkbox"].includes(one.type) || one.checked)
      .map((one) => [one.name, one.value]);
    sessionStorage.setItem(name(form), JSON.stringify({ key: form.elements.key?.value, values }));
  }

  function restore() {
    document.querySelectorAll("main form[method=post]").forEach((form) => {
      const kept = JSON.parse(sessionStorage.getItem(name(form)) || "null");
      if (!kept) return;
      let back = false;
      kept.values.forEach(([field, value]) => fields(form).filter((one) => one.name === field).forEach((one) => {
        if (["radio", "checkbox"].includes(one.type)) {
          if (one.value === value && !one.checked) one.checked = back = true;
        } else if (!one.value && value) { one.value = value; back = true; }
      }));
      if (!back) return;
      form.closest("details")?.setAttribute("open", "");
      tell(said.dataset.restored);
    });
  }

  function tell(text) {
    said.textContent = text;
    said.hidden = false;
  }

  if (!said) return;
  if (finished) {
    Object.keys(sessionStorage).filter((one) => one.startsWith("draft ")).forEach((one) => {
      if (JSON.parse(sessionStorage.getItem(one)).key === finished) sessionStorage.removeItem(one);
    });
    document.cookie = "refundlens_done=; Max-Age=0; Path=/; SameSite=Strict";
  }
  document.addEventListener("input", (event) => { if (event.target.form?.method === "post") keep(event.target.form); });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || !form.elements.key) return;
    keep(form);
    if (!navigator.onLine) {
      event.preventDefault();
      delete form.dataset.sent; // nothing was: the next press counts
      tell(said.dataset.offline);
      said.scrollIntoView({ block: "center" });
      return;
    }
    if (!form.elements.drafted) {
      const mark = document.createElement("input");
      Object.assign(mark, { type: "hidden", name: "drafted", value: "1" });
      form.append(mark);
    }
  });
  document.addEventListener("htmx:afterSettle", restore);
  restore();
})();

/* this browser's messages: when the number of what waits has grown */
(() => {
  const ON = "notify", SEEN = "notify-seen";
  const able = "Notification" in window;
  const wanted = () => able && Notification.permission === "granted" && localStorage.getItem(ON) === "on";
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.target.getAttribute?.("hx-get") !== "/badge" || !wanted()) return;
    const badge = event.target.querySelector(".badge");
    const count = badge ? parseInt(badge.textContent, 10) : 0, before = Number(localStorage.getItem(SEEN) ?? count);
    localStorage.setItem(SEEN, String(count));
    if (count <= before) return;
    const told = new Notification("RefundLens", { body: badge.getAttribute("aria-label"), tag: "waiting" });
    told.addEventListener("click", () => { window.focus(); location.assign(badge.href); });
  });
  const button = document.querySelector("[data-notify]");
  if (!button || !able) return;
  const draw = () => { button.textContent = wanted() ? button.dataset.off : button.dataset.on; };
  button.hidden = false;
  button.addEventListener("click", async () => {
    const on = !wanted() && await Notification.requestPermission() === "granted";
    localStorage.setItem(ON, on ? "on" : "off");
    const refused = Notification.permission === "denied";
    button.parentElement.querySelector("[role=status]").textContent = refused ? button.dataset.refused : "";
    draw();
  });
  draw();
})();

/* decisions that can be undone: the button goes when its time is over */
(() => {
  document.querySelectorAll("[data-undo]").forEach((button) => {
    setTimeout(() => button.remove(), Math.max(0, Date.parse(button.dataset.undo) - Date.now()));
  });
})();

/* deadlines: what is left, second by second; steps and words are the page's */
(() => {
  const SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR;
  const data = document.getElementById("ticking")?.dataset;
  if (!data) return;
  const steps = Object.entries(JSON.parse(data.steps)).sort((one, other) => one[1] - other[1]);
  const time = JSON.parse(data.time), urgency = JSON.parse(data.urgency);

  function span(length) {
    const hours = Math.floor(length / HOUR);
    return (length >= DAY ? time.days : length >= HOUR ? time.hours : time.minutes)
      .replace("{days}", Math.floor(length / DAY)).replace("{hours}", length >= DAY ? hours % 24 : hours)
      .replace("{minutes}", Math.floor(length / MINUTE) % 60);
  }

  function write(element, text) {
    if (element.textContent !== text) element.textContent = text; // what changes is read out
  }

  function tick() {
    document.querySelectorAll("[data-countdown]").forEach((moment) => {
      const left = Date.parse(moment.dateTime) - Date.now(), whole = moment.closest(".countdown");
      const name = steps.find(([, most]) => left <= most * SECOND)?.[0] ?? "calm";
      write(moment, name === "over" ? time.over.replace("{span}", span(-left)) : span(left));
      write(whole.querySelector(".urgency"), urgency[name]);
      whole.className = `countdown u${name}`;
    });
  }
  document.addEventListener("htmx:afterSettle", tick);
  setInterval(tick, SECOND);
  tick();
})();

/* merchant */
(() => {
  function count() {
    const said = document.querySelector("[data-selected]");
    if (said) said.textContent = `${said.dataset.selected} ${document.querySelectorAll("[name=photo]:checked").length}`;
  }

  function slide(range) {
    if (range.hasAttribute("data-compare")) {
      const over = range.closest(".compare").querySelectorAll("figure")[1].querySelector("img");
      over.style.clipPath = `inset(0 0 0 ${range.value}%)`;
    } else {
      range.closest("figure").querySelectorAll(".heat").forEach((layer) => {
        layer.style.opacity = String(range.value / 100);
      });
    }
  }

  function prepare() {
    document.querySelectorAll(".opacity, .select-all").forEach((label) => { label.hidden = false; });
    document.querySelectorAll(".compare").forEach((both) => {
      both.classList.add("sliding");
      slide(both.querySelector("input"));
    });
    document.querySelectorAll("[data-local]").forEach((time) => {
      const style = { dateStyle: "medium", timeStyle: "short" };
      time.textContent = new Date(time.dateTime).toLocaleString(document.documentElement.lang, style);
    });
    document.querySelectorAll("[data-zone]").forEach((field) => {
      field.value = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "";
    });
    document.querySelectorAll("[data-zone-name]").forEach((name) => {
      name.textContent = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "UTC";
    });
    count();
  }

  document.addEventListener("input", (event) => {
    if (event.target.matches(".opacity input")) slide(event.target);
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-select-all]")) {
      document.querySelectorAll("[name=photo][type=checkbox]").forEach((box) => { box.checked = event.target.checked; });
    }
    count();
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (!new URL(event.detail.xhr.responseURL).pathname.startsWith("/login")) return;
    event.detail.shouldSwap = false; // the session is over: a reload goes by the login and comes back
    location.reload();
  });
  document.addEventListener("htmx:afterSettle", prepare);
  prepare();
})();
/* end of merchant */

/* review: synchronised zoom, keyboard decisions. */
(() => {
  const root = document.querySelector(".bench");
  if (!root) return;
  root.querySelectorAll(".with-script, .zoom").forEach((part) => { part.hidden = false; });

  // One view for all panes: scale, and the point (0 to 1 of the stage) at the middle of the viewport.
  const panes = root.querySelector(".panes");
  const look = { scale: 1, x: 0.5, y: 0.5 };
  const MOST = 32;
  function draw() {
    look.scale = Math.min(Math.max(look.scale, 1), MOST);
    const edge = 0.5 / look.scale;
    look.x = Math.min(Math.max(look.x, edge), 1 - edge);
    look.y = Math.min(Math.max(look.y, edge), 1 - edge);
    panes.querySelectorAll(".stage").forEach((stage) => {
      const x = (0.5 - look.x * look.scale) * 100, y = (0.5 - look.y * look.scale) * 100;
      stage.style.transform = `translate(${x}%, ${y}%) scale(${look.scale})`;
      stage.classList.toggle("close", look.scale > full());
      stage.parentElement.classList.toggle("zoomed", look.scale > 1);
    });
  }
  // Scale at which a pixel of the photo is a pixel of the page.
  function full() {
    const box = panes.querySelector(".viewport").getBoundingClientRect();
    const fit = Math.min(box.width / panes.dataset.width, box.height / panes.dataset.height);
    return Math.max(1, 1 / fit);
  }
  function zoom(factor, x = look.x, y = look.y) {
    const before = look.scale;
    look.scale = Math.min(Math.max(before * factor, 1), MOST);
    const kept = before / look.scale;  // what lies under the pointer stays there
    look.x = x + (look.x - x) * kept;
    look.y = y + (look.y - y) * kept;
    draw();
  }
  function spot(viewport, event) {
    const box = viewport.getBoundingClientRect();
    return [
      look.x + ((event.clientX - box.left) / box.width - 0.5) / look.scale,
      look.y + ((event.clientY - box.top) / box.height - 0.5) / look.scale,
    ];
  }
  function zoomTo([x0, y0, x1, y1]) {
    const box = panes.querySelector(".viewport").getBoundingClientRect();
    const fit = Math.min(box.width / panes.dataset.width, box.height / panes.dataset.height);
    const place = (value, side, length) => 0.5 + (value - side / 2) * fit / length;
    look.x = place((x0 + x1) / 2, Number(panes.dataset.width), box.width);
    look.y = place((y0 + y1) / 2, Number(panes.dataset.height), box.height);
    look.scale = 0.5 * Math.min(box.width / ((x1 - x0) * fit), box.height / ((y1 - y0) * fit));
    draw();
    panes.scrollIntoView({ block: "nearest" });
  }
  if (panes) {
    panes.querySelectorAll("[data-zoom]").forEach((button) => button.addEventListener("click", () => {
      if (button.dataset.zoom === "in") zoom(1.5);
      else if (button.dataset.zoom === "out") zoom(1 / 1.5);
      else { look.scale = button.dataset.zoom === "full" ? full() : 1; draw(); }
    }));
    root.querySelectorAll("[data-box]").forEach((button) => button.addEventListener("click", () => {
      zoomTo(button.dataset.box.split(",").map(Number));
    }));
    panes.querySelectorAll(".fade input").forEach((range) => range.addEventListener("input", () => {
      range.closest(".view").querySelector(".over").style.opacity = String(range.value / 100);
    }));
    panes.querySelectorAll(".viewport").forEach((viewport) => {
      const fingers = new Map();
      let moved = false;
      viewport.addEventListener("wheel", (event) => {
        if (!event.ctrlKey && !event.metaKey && look.scale === 1) return;  // the page scrolls
        event.preventDefault();
        zoom(Math.exp(-event.deltaY / 300), ...spot(viewport, event));
      }, { passive: false });
      viewport.addEventListener("dblclick", (event) => zoom(2, ...spot(viewport, event)));
      viewport.addEventListener("pointerdown", (event) => {
        if (event.target.closest("a, button")) return;
        fingers.set(event.pointerId, event);
        moved = false;
        if (look.scale > 1 || fingers.size > 1) viewport.setPointerCapture(event.pointerId);
      });
      viewport.addEventListener("pointermove", (event) => {
        const before = fingers.get(event.pointerId);
        if (!before) return;
        const box = viewport.getBoundingClientRect();
        if (fingers.size === 2) {
          const other = [...fingers.values()].find((finger) => finger.pointerId !== event.pointerId);
          const far = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
          zoom(far(event) / Math.max(far(before), 1), ...spot(viewport, event));
        } else if (look.scale > 1) {
          look.x -= (event.clientX - before.clientX) / box.width / look.scale;
          look.y -= (event.clientY - before.clientY) / box.height / look.scale;
          draw();
        }
        moved = moved || Math.hypot(event.clientX - before.clientX, event.clientY - before.clientY) > 2;
        fingers.set(event.pointerId, event);
      });
      const lift = (event) => {
        // a click without a drag goes there: panning needs no dragging
        if (event.type === "pointerup" && fingers.size === 1 && !moved && look.scale > 1 && event.detail < 2) {
          [look.x, look.y] = spot(viewport, event);
          draw();
        }
        fingers.delete(event.pointerId);
      };
      viewport.addEventListener("pointerup", lift);
      viewport.addEventListener("pointercancel", lift);
      viewport.addEventListener("keydown", (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey) return;
        const step = 0.1 / look.scale;
        const keys = {
          ArrowLeft: () => { look.x -= step; }, ArrowRight: () => { look.x += step; },
          ArrowUp: () => { look.y -= step; }, ArrowDown: () => { look.y += step; },
          "+": () => zoom(1.5), "=": () => zoom(1.5), "-": () => zoom(1 / 1.5), 0: () => { look.scale = 1; },
        };
        if (!keys[event.key] || (event.key.startsWith("Arrow") && look.scale === 1)) return;
        event.preventDefault();
        keys[event.key]();
        draw();
      });
    });
  }

  // Two keystrokes: a digit chooses the reason, a letter decides. Can be switched off (WCAG 2.1.4).
  const form = root.querySelector("form.decide");
  if (form) {
    const codes = [...form.querySelectorAll("[name=reason_code]")];
    const words = form.querySelector("textarea");
    const shortcuts = form.querySelector(".shortcuts");
    const sentences = new Set(codes.map((code) => code.dataset.sentence));
    shortcuts.checked = localStorage.getItem("review-shortcuts") !== "off";
    shortcuts.addEventListener("change", () => {
      localStorage.setItem("review-shortcuts", shortcuts.checked ? "on" : "off");
    });
    codes.forEach((code) => code.addEventListener("change", () => {
      if (!words.value.trim() || sentences.has(words.value)) words.value = code.dataset.sentence;
    }));
    document.addEventListener("keydown", (event) => {
      if (!shortcuts.checked || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
      if (event.target.closest("textarea, select, input:not([type=radio], [type=checkbox], [type=range])")) return;
      const code = codes[Number(event.key) - 1];
      const button = root.querySelector(`[data-key="${CSS.escape(event.key.toUpperCase())}"]`);
      if (code && !event.target.closest(".viewport")) {
        event.preventDefault();
        code.checked = true;
        code.dispatchEvent(new Event("change"));
        code.focus({ preventScroll: true });
      } else if (button) {
        event.preventDefault();
        button.form.requestSubmit(button);
      }
    });
    // a second click must not send the form again while the first is under way
    form.addEventListener("submit", (event) => {
      if (form.dataset.sent) event.preventDefault();
      form.dataset.sent = "yes";
    });
    window.addEventListener("pageshow", () => { delete form.dataset.sent; });
  }
  document.getElementById("failure")?.focus();
})();
/* end of review */
