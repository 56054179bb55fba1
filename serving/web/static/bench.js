// The workbench: synchronised zoom, looking tools, keyboard decisions. Every decision works without this file.
"use strict";

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
    panes.querySelectorAll(".viewport > .stage").forEach((stage) => {
      const x = (0.5 - look.x * look.scale) * 100, y = (0.5 - look.y * look.scale) * 100;
      stage.style.transform = `translate(${x}%, ${y}%) scale(${look.scale})`;
      stage.classList.toggle("close", look.scale > full());
      stage.parentElement.classList.toggle("zoomed", look.scale > 1);
    });
    lens.move([lens.at().x, lens.at().y]);
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
  // Tools for looking. Each is a button that is pressed or not; what it shows lies over both panes.
  const tool = (name, change) => {
    const button = root.querySelector(`[data-tool="${name}"]`);
    button?.addEventListener("click", () => {
      const on = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(on));
      change(on);
    });
    return () => button?.getAttribute("aria-pressed") === "true";
  };
  const stages = () => [...panes.querySelectorAll(".viewport > .stage")].filter((stage) => stage.offsetParent);
  // A copy with what is drawn on canvases, which cloneNode leaves empty.
  function copyOf(part) {
    const copy = part.cloneNode(true), drawn = (one) => (one.matches("canvas") ? [one] : [...one.querySelectorAll("canvas")]);
    const sheets = drawn(copy);
    drawn(part).forEach((sheet, index) => sheets[index].getContext("2d").drawImage(sheet, 0, 0));
    return copy;
  }

  // The place under the pointer, three times as large and at least at two pixels of the page a pixel of the photo.
  const lens = (() => {
    const LARGER = 3, STEP = 0.02;
    const at = { x: 0.5, y: 0.5 };
    const on = tool("lens", renew);
    function renew() {
      panes.querySelectorAll(".lens").forEach((one) => one.remove());
      if (on()) stages().forEach((stage) => {
        const glass = document.createElement("div"), inner = copyOf(stage);
        glass.className = "lens";
        glass.setAttribute("aria-hidden", "true");
        glass.append(inner);
        stage.parentElement.append(glass);
      });
      place();
    }
    function place() {
      panes.querySelectorAll(".lens").forEach((glass) => {
        const { width, height } = glass.parentElement.getBoundingClientRect();
        const inner = glass.firstChild, side = glass.offsetWidth, scale = Math.max(look.scale * LARGER, full() * 2);
        const left = (0.5 + (at.x - look.x) * look.scale) * width, top = (0.5 + (at.y - look.y) * look.scale) * height;
        glass.style.transform = `translate(${left - side / 2}px, ${top - side / 2}px)`;
        Object.assign(inner.style, { width: `${width}px`, height: `${height}px` });
        inner.style.transform = `translate(${side / 2 - at.x * width * scale}px, ${side / 2 - at.y * height * scale}px) scale(${scale})`;
      });
    }
    function move([x, y]) { if (on()) { at.x = x; at.y = y; place(); } }
    const steps = (key) => {
      if (!on()) return false;
      const [x, y] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key];
      move([Math.min(Math.max(at.x + x * STEP, 0), 1), Math.min(Math.max(at.y + y * STEP, 0), 1)]);
      return true;
    };
    return { move, steps, renew, at: () => (on() ? at : look) };
  })();

  // From one point to another, in pixels of the photo.
  const ruler = (() => {
    const said = root.querySelector(".measured");
    const on = tool("ruler", (start) => { ends.length = 0; held = null; line(); if (!start) said.textContent = ""; });
    const ends = [];
    let held = null;
    // a place of the stage in pixels of the photo, which lies in its middle
    function pixel(viewport, [x, y]) {
      const box = viewport.getBoundingClientRect();
      const width = Number(panes.dataset.width), height = Number(panes.dataset.height);
      const fit = Math.min(box.width / width, box.height / height);
      const within = (value, side, length) => Math.min(Math.max((value - 0.5) * length / fit + side / 2, 0), side);
      return [within(x, width, box.width), within(y, height, box.height)];
    }
    function line() {
      panes.querySelectorAll(".ruler").forEach((one) => one.remove());
      if (ends.length < 2) return;
      const [[x0, y0], [x1, y1]] = ends;
      stages().forEach((stage) => {
        const made = (name, values) => {
          const one = document.createElementNS("http://www.w3.org/2000/svg", name);
          Object.entries(values).forEach(([key, value]) => one.setAttribute(key, value));
          return one;
        };
        const sheet = made("svg", { class: "ruler", viewBox: `0 0 ${panes.dataset.width} ${panes.dataset.height}` });
        for (const kind of ["under", "line"]) sheet.append(made("line", { class: kind, x1: x0, y1: y0, x2: x1, y2: y1 }));
        stage.append(sheet);
      });
      const [across, down] = [Math.abs(x1 - x0), Math.abs(y1 - y0)];
      said.textContent = said.dataset.words.replace("{length}", Math.hypot(across, down).toFixed(1))
        .replace("{across}", Math.round(across)).replace("{down}", Math.round(down));
    }
    return {
      starts(viewport, event) {
        if (!on()) return false;
        event.preventDefault();
        viewport.focus({ preventScroll: true });
        viewport.setPointerCapture(event.pointerId);
        held = event.pointerId;
        ends.splice(0, 2, pixel(viewport, spot(viewport, event)));
        return true;
      },
      moves(viewport, event) {
        if (!on() || event.pointerId !== held) return on();
        ends[1] = pixel(viewport, spot(viewport, event));
        line();
        return true;
      },
      ends(event) {
        if (event.pointerId === held) held = null;
        return on();
      },
      // by keyboard: an end where the lens is, or in the middle of the view
      marks() {
        if (!on()) return false;
        const { x, y } = lens.at();
        if (ends.length === 2) ends.length = 0;
        ends.push(pixel(panes.querySelector(".viewport"), [x, y]));
        line();
        return true;
      },
      line,
    };
  })();

  // The second pane's picture in the first one's place, in turns: what differs seems to move.
  const blink = (() => {
    const EVERY = 700; // ms; far from the three flashes a second that WCAG 2.3.1 allows
    let clock = 0;
    const on = tool("blink", renew);
    function renew() {
      clearInterval(clock);
      const stage = panes.querySelector(".pane .stage");
      stage.querySelectorAll(".blinked").forEach((one) => one.remove());
      if (!on()) return;
      const other = panes.querySelector(".pick:checked + label + .view .stage");
      const layer = document.createElement("div");
      layer.className = "blinked";
      [...other.children].forEach((one) => {
        const copy = copyOf(one);
        copy.setAttribute("loading", "eager");
        layer.append(copy);
      });
      stage.append(layer);
      clock = setInterval(() => { layer.hidden = !layer.hidden; }, EVERY);
    }
    return { renew };
  })();

  // The map in other colours: whoever takes red for green sees brightness, and a line says where the half is passed.
  const JET = [3, 2, 1].map((middle) => (share) => 255 * Math.min(Math.max(1.5 - Math.abs(4 * share - middle), 0), 1));
  const LINE = [255, 255, 255], HALF = 127.5;
  function colour(style, layer) {
    const view = layer.parentElement;
    view.querySelectorAll("canvas.over").forEach((one) => one.remove());
    layer.hidden = style !== "red" && layer.naturalWidth > 0;
    if (!layer.hidden) return;
    const sheet = document.createElement("canvas");
    Object.assign(sheet, { className: "over", width: layer.naturalWidth, height: layer.naturalHeight });
    const pen = sheet.getContext("2d", { willReadFrequently: true });
    pen.drawImage(layer, 0, 0);
    const picture = pen.getImageData(0, 0, sheet.width, sheet.height), { data } = picture, wide = sheet.width;
    const shares = data.filter((_, index) => index % 4 === 3);
    shares.forEach((share, index) => {
      let pixel;
      if (style === "mono") pixel = [share, share, share, 255];
      else if (style === "jet") pixel = [...JET.map((part) => part(share / 255)), 255];
      else {
        const edge = [index + 1, index + wide].some((next) =>
          next < shares.length && (share > HALF) !== (shares[next] > HALF) && (next !== index + 1 || next % wide));
        pixel = edge ? [...LINE, 255] : [0, 0, 0, 0];
      }
      data.set(pixel, index * 4);
    });
    pen.putImageData(picture, 0, 0);
    layer.after(sheet);
    const range = view.closest(".view").querySelector(".fade input");
    if (range) fade(range);
  }

  if (panes) {
    panes.querySelectorAll("[data-zoom]").forEach((button) => button.addEventListener("click", () => {
      if (button.dataset.zoom === "in") zoom(1.5);
      else if (button.dataset.zoom === "out") zoom(1 / 1.5);
      else { look.scale = button.dataset.zoom === "full" ? full() : 1; draw(); }
    }));
    const style = panes.querySelector("[data-map-style]"), heat = style?.closest(".view").querySelector("img.over");
    if (style) {
      const change = () => {
        localStorage.setItem("map-style", style.value);
        colour(style.value, heat);
        lens.renew();
        blink.renew();
      };
      style.addEventListener("change", change);
      const kept = localStorage.getItem("map-style");
      if ([...style.options].some((one) => one.value === kept)) style.value = kept;
      if (heat.naturalWidth) change();
      heat.addEventListener("load", change);
    }
    panes.querySelectorAll(".pick").forEach((pick) => pick.addEventListener("change", () => {
      blink.renew();
      lens.renew();
      ruler.line();
    }));
    root.querySelectorAll("[data-box]").forEach((button) => button.addEventListener("click", () => {
      zoomTo(button.dataset.box.split(",").map(Number));
    }));
    panes.querySelectorAll(".fade input").forEach((range) => range.addEventListener("input", () => fade(range)));
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
        if (event.target.closest("a, button") || ruler.starts(viewport, event)) return;
        fingers.set(event.pointerId, event);
        moved = false;
        if (look.scale > 1 || fingers.size > 1) viewport.setPointerCapture(event.pointerId);
      });
      viewport.addEventListener("pointermove", (event) => {
        lens.move(spot(viewport, event));
        if (ruler.moves(viewport, event)) return;
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
        if (ruler.ends(event)) return;
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
        if (event.key === "Enter" && ruler.marks()) { event.preventDefault(); return; }
        if (event.key.startsWith("Arrow") && look.scale === 1 && lens.steps(event.key)) { event.preventDefault(); return; }
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

  // the photo's own keys, wherever one is on the page
  document.addEventListener("keydown", (event) => {
    const button = panes?.querySelector(`[data-zoom="${{ "+": "in", "=": "in", "-": "out", 0: "fit" }[event.key]}"]`);
    if (!button || event.target.closest(".viewport") || !window.isShortcut(event)) return;
    event.preventDefault();
    button.click();
  });

  function fade(range) {
    range.closest(".view").querySelectorAll(".over").forEach((layer) => {
      layer.style.opacity = String(range.value / 100);
    });
  }

  // Two keystrokes: a digit chooses the reason, a letter (console.js) decides. Can be switched off (WCAG 2.1.4).
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
      if (event.key === "Escape" && event.target === words) {  // the next key decides
        (codes.find((code) => code.checked) ?? codes[0]).focus({ preventScroll: true });
        return;
      }
      const code = codes[Number(event.key) - 1];
      if (!code || !window.isShortcut(event)) return;
      event.preventDefault();
      code.checked = true;
      code.dispatchEvent(new Event("change"));
      code.focus({ preventScroll: true });
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
