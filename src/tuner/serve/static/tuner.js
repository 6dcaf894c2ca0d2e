"use strict";
// What is live on a page: curves and printed lines of a study, and predictions. Pages are whole without it.

const COLORS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c7aa9", "#7f7f7f", "#b8860b", "#20837a"];
let plot = null;
let shape = "";

// What this script says, in the page's language: the page brings the words that are not English.
const WORDS = JSON.parse(document.body.dataset.words || "{}");

function _(sentence, parts = {}) {
  return (WORDS[sentence] || sentence).replace(/\{(\w+)\}/g, (_all, name) => parts[name]);
}

function ink(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// series: [{label, curve: [[step, value], ...], dashed}]
function draw(place, series) {
  const shown = series.filter((one) => one.curve.length);
  const steps = [...new Set(shown.flatMap((one) => one.curve.map((point) => point[0])))].sort((a, b) => a - b);
  const data = [steps, ...shown.map((one) => {
    const values = new Map(one.curve);
    return steps.map((step) => values.get(step) ?? null);
  })];
  const now = JSON.stringify(shown.map((one) => [one.label, one.dashed]));
  if (plot && now === shape) {
    plot.setData(data);
    return;
  }
  if (plot) plot.destroy();
  plot = null;
  shape = now;
  place.textContent = "";
  if (!shown.length) {
    place.textContent = _("No trial has reported yet.");
    return;
  }
  const axis = () => ({ stroke: ink("--ink"), grid: { stroke: ink("--line"), width: 1 }, ticks: { stroke: ink("--line") } });
  plot = new uPlot({
    width: place.clientWidth, height: 320, scales: { x: { time: false } },
    axes: [{ ...axis(), label: _("report"), stroke: ink("--ink") }, { ...axis(), size: 70 }],
    series: [{ label: _("report") }, ...shown.map((one, index) => ({
      label: one.label, stroke: COLORS[index % COLORS.length], width: 2, dash: one.dashed ? [6, 4] : undefined, spanGaps: true,
    }))],
  }, data, place);
}

function watch(place) {
  const source = new EventSource(place.dataset.events);
  let known = null, forms = null;
  const printed = document.getElementById("log");
  if (printed) printed.scrollTop = printed.scrollHeight; // what is new stands at its end
  source.addEventListener("study", (event) => {
    const now = JSON.parse(event.data);
    draw(place, [
      ...(now.baseline ? [{ label: _("baseline"), curve: now.baseline.curve, dashed: true }] : []),
      ...now.leaders.filter((one) => one.arm !== "baseline").slice(0, 2).map((one) => ({ label: _("best: trial {number}", { number: one.number }), curve: one.curve, dashed: true })),
      ...now.running.map((one) => ({ label: _("trial {number}", { number: one.number }), curve: one.curve, dashed: false })),
    ]);
    const log = document.getElementById("log");
    if (log && log.textContent !== now.log) {
      const atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
      log.textContent = now.log;
      if (atEnd) log.scrollTop = log.scrollHeight;
    }
    const mark = JSON.stringify([now.finished, now.states, now.job && [now.job.state, now.job.wish]]);
    if (known !== null && known !== mark) document.body.dispatchEvent(new Event("tuner:changed"));
    known = mark;
    const offered = JSON.stringify([now.job && now.job.state, now.leaders.length > 0, now.metric !== null]);
    if (forms !== null && forms !== offered) document.body.dispatchEvent(new Event("tuner:other-forms"));
    forms = offered;
  });
  const connection = document.getElementById("connection");
  source.addEventListener("open", () => { connection.textContent = ""; });
  source.addEventListener("error", () => {
    connection.textContent = source.readyState === EventSource.CLOSED
      ? _("This page is no longer kept up to date. Load it again.")
      : _("The service does not answer, so this page may be out of date. It will try again.");
  });
  addEventListener("pagehide", () => source.close());
}

let prediction = null; // that is waited for: an answer to earlier rows must not stand below others

async function predict(form, output) {
  if (prediction) prediction.abort();
  const asked = prediction = new AbortController();
  const image = form.elements.image;
  const body = image ? image.files[0] : form.elements.rows.value;
  output.textContent = _("Predicting …");
  try {
    const answer = await fetch(form.dataset.predict, {
      method: "POST", body, signal: asked.signal,
      headers: { "Content-Type": image ? "application/octet-stream" : "text/csv" },
    });
    const said = await answer.json();
    output.textContent = answer.ok ? said.predictions.map(inWords).join("\n") : said.detail;
  } catch (error) {
    if (asked.signal.aborted) return;
    output.textContent = _("The service did not answer: {error}", { error: error.message });
  }
}

function inWords(one) {
  if (!("probabilities" in one)) return String(one.prediction);
  const others = Object.entries(one.probabilities).sort((a, b) => b[1] - a[1]).slice(0, 5);
  const said = "labels" in one ? one.labels.join(", ") || _("no label") : one.class;
  return `${said}\n` + others.map(([name, share]) => `  ${(100 * share).toFixed(1)} %  ${name}`).join("\n");
}

const place = document.getElementById("curves");
if (place && place.dataset.events) watch(place);
if (place && place.dataset.curves) {
  draw(place, Object.entries(JSON.parse(place.dataset.curves)).map(([label, curve]) => ({ label, curve, dashed: false })));
}
if (place) addEventListener("resize", () => plot && plot.setSize({ width: place.clientWidth, height: 320 }));
const form = document.getElementById("predict");
if (form) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    predict(form, document.getElementById("prediction"));
  });
}

function upload(form) {
  const file = form.elements.file.files[0];
  const output = form.querySelector("output");
  const sending = new XMLHttpRequest(); // fetch does not tell how much it has sent
  sending.open("POST", `${form.dataset.upload}?name=${encodeURIComponent(file.name)}`);
  sending.setRequestHeader("Content-Type", "application/octet-stream");
  sending.setRequestHeader("X-Form-Key", form.dataset.key);
  sending.setRequestHeader("Accept", "application/json");
  sending.upload.addEventListener("progress", (event) => {
    output.textContent = _("{share} % sent", { share: Math.floor((100 * event.loaded) / event.total) });
  });
  sending.addEventListener("load", () => {
    if (sending.status === 201) {
      location.href = form.dataset.next + encodeURIComponent(JSON.parse(sending.responseText).data);
      return;
    }
    const said = new DOMParser().parseFromString(sending.responseText, "text/html").querySelector("main p");
    output.textContent = said ? said.textContent : _("The service answered with {status}.", { status: sending.status });
  });
  sending.addEventListener("error", () => { output.textContent = _("The service did not answer."); });
  sending.send(file);
}

const uploading = document.getElementById("upload");
if (uploading) {
  uploading.addEventListener("submit", (event) => {
    event.preventDefault();
    upload(uploading);
  });
}

const reference = document.querySelector("rapi-doc");
if (reference && matchMedia("(prefers-color-scheme: dark)").matches) {
  reference.setAttribute("theme", "dark");
  reference.setAttribute("primary-color", ink("--accent"));
}
