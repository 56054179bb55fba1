// Forms that send files: how much has gone, and what was chosen stays where they are refused. They work without this file.
"use strict";

(() => {
  // What cannot be read is chosen no more, and the rest still is: nobody picks nine photos again for the tenth's sake.
  function takeOut(form, why) {
    const wrong = [...why.querySelectorAll("[data-field][data-number]")].map((one) => one.dataset);
    for (const field of new Set(wrong.map((one) => one.field))) {
      const input = form.elements[field], kept = new DataTransfer();
      if (input?.type !== "file") continue;
      const numbers = new Set(wrong.filter((one) => one.field === field).map((one) => Number(one.number)));
      [...input.files].forEach((file, place) => { if (!numbers.has(place + 1)) kept.items.add(file); });
      input.files = kept.files;
    }
    return wrong.length > 0 && [...form.querySelectorAll("input[type=file]")].some((one) => one.files.length);
  }

  function send(form, submitter) {
    const said = form.querySelector(".sending"), bar = said.querySelector("progress"), words = said.querySelector("span");
    const buttons = [...form.querySelectorAll("button")];
    const wait = (waiting) => {
      buttons.forEach((one) => { one.disabled = waiting; });
      bar.hidden = !waiting;
      delete form.dataset.sent;
    };
    const tell = (text) => { words.textContent = text; };
    const data = new FormData(form, submitter), request = new XMLHttpRequest();
    said.hidden = false;
    const bytes = [...data.values()].reduce((sum, one) => sum + (one.size ?? one.length), 0);
    if (bytes > said.dataset.most) { // refused here: it would be after minutes, too
      bar.hidden = true;
      tell(said.dataset.tooLarge.replace("{size}", Math.ceil(bytes / 1e6)));
      delete form.dataset.sent;
      return;
    }
    bar.value = 0;
    wait(true);
    tell(said.dataset.sending);
    request.open("POST", form.action);
    request.setRequestHeader("Accept", "text/html");
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) bar.value = event.loaded / event.total;
    });
    request.upload.addEventListener("load", () => {
      bar.removeAttribute("value");
      tell(said.dataset.sent);
    });
    request.addEventListener("error", () => { wait(false); tell(said.dataset.failed); });
    request.addEventListener("load", () => {
      if (request.status < 400) { location.assign(request.responseURL); return; }
      if (request.status === 401) { form.submit(); return; } // the login's page, with what was typed
      wait(false);
      const page = new DOMParser().parseFromString(request.responseText, "text/html");
      const why = page.querySelector("main [role=alert], [role=alert]") ?? page.querySelector("main") ?? page.body;
      why.querySelectorAll("[data-without-script]").forEach((one) => one.remove()); // here, all stays chosen
      const out = takeOut(form, why);
      tell(`${why.textContent.trim().replace(/\s+/g, " ")}${out ? ` ${said.dataset.takenOut}` : ""}`);
      const key = page.querySelector("form [name=key]");
      if (key && form.elements.key) form.elements.key.value = key.value; // what is sent next is another thing
      said.scrollIntoView({ block: "center" });
    });
    request.send(data);
  }

  document.addEventListener("submit", (event) => {
    const form = event.target, files = [...form.querySelectorAll("input[type=file]")];
    if (event.defaultPrevented || !form.querySelector(".sending") || !files.some((one) => one.files.length)) return;
    event.preventDefault();
    send(form, event.submitter);
  });
})();
