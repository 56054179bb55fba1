// What htmx alone does not do. Every action of the console works without this file.
"use strict";

/* pictures that were refused while too many were drawn: asked for again, a few times */
(() => {
  const WAITS = [2000, 4000, 8000]; // ms
  const PASSING = [0, 429, 502, 503, 504]; // 0: no answer came
  const status = (picture) => performance.getEntriesByName(picture.src).at(-1)?.responseStatus ?? 0;
  function askAgain(picture) {
    const tries = Number(picture.dataset.tries ?? 0);
    if (tries >= WAITS.length) return;
    picture.dataset.tries = String(tries + 1);
    setTimeout(() => {
      if (PASSING.includes(status(picture))) picture.src = picture.getAttribute("src");
    }, WAITS[tries]);
  }
  document.addEventListener("error", ({ target }) => { if (target.tagName === "IMG") askAgain(target); }, true);
  // those that were refused before this file came
  document.querySelectorAll("img[src]").forEach((one) => { if (one.complete && !one.naturalWidth) askAgain(one); });
})();

/* single keys: each presses what has it as data-key, unless somebody types or has switched them off */
window.isShortcut = (event) => !(event.ctrlKey || event.metaKey || event.altKey || event.repeat)
  && localStorage.getItem("review-shortcuts") !== "off"
  && !event.target.closest("textarea, select, input:not([type=radio], [type=checkbox], [type=range])");
(() => {
  document.querySelectorAll("[data-key] kbd").forEach((one) => { one.hidden = false; });
  document.addEventListener("keydown", (event) => {
    const pressed = document.querySelector(`[data-key="${CSS.escape(event.key.toUpperCase())}"]`);
    if (!pressed || !window.isShortcut(event)) return;
    event.preventDefault();
    if (pressed.form) pressed.form.requestSubmit(pressed);
    else pressed.click();
  });
})();

/* the menu under one's name closes as menus do */
(() => {
  const menu = document.querySelector(".account");
  if (!menu) return;
  document.addEventListener("click", ({ target }) => { if (!menu.contains(target)) menu.open = false; });
  menu.addEventListener("keydown", ({ key }) => {
    if (key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
})();

/* links, keys and other texts that are copied */
(() => {
  const offer = () => document.querySelectorAll("[data-copy]").forEach((button) => { button.hidden = false; });
  document.addEventListener("htmx:afterSettle", offer);
  offer();
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const source = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(source.href ?? source.textContent);
    } catch {  // no permission, or plain http: the old way
      getSelection().selectAllChildren(source);
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
      const refused = document.querySelector("#failure, [role=alert]") && form.action === location.href; // it was just sent
      let back = false;
      kept.values.forEach(([field, value]) => fields(form).filter((one) => one.name === field).forEach((one) => {
        if (["radio", "checkbox"].includes(one.type)) {
          if (one.value === value && !one.checked) one.checked = back = true;
        } else if (one.type === "select-one") {
          if (one.value !== value && [...one.options].some((option) => option.value === value && !option.disabled)) {
            one.value = value;
            back = true;
          }
        } else if (value && one.value !== value && (refused || !one.value)) { one.value = value; back = true; }
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
    document.querySelectorAll("[data-newest]").forEach((plot) => { plot.scrollLeft = plot.scrollWidth; });
    document.querySelectorAll("[data-zone]").forEach((field) => {
      field.value = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "";
    });
    document.querySelectorAll("[data-zone-name]").forEach((name) => {
      name.textContent = new Intl.DateTimeFormat(document.documentElement.lang, { timeZoneName: "long" })
        .formatToParts().find((part) => part.type === "timeZoneName").value;
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
