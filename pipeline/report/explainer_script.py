"""The script of the page that explains a network: plain JavaScript that needs nothing but the page's own numbers."""
# ruff: noqa: E501 as in the templates, what belongs together stands on a line

from __future__ import annotations

SCRIPT = r"""
"use strict";
(() => {
const lesson = JSON.parse(document.getElementById("lesson").textContent);
const steps = lesson.steps, images = lesson.images, find = id => document.getElementById(id);
const [C, H, W] = lesson.input.shape;
const now = { image: 0, step: 0, place: 0, y: 0, x: 0, filter: 0, spot: [H >> 1, W >> 1] };

// ---- numbers
function unpack(packed) {
  if (!packed) return null;
  const text = atob(packed.data), bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return { scale: packed.scale, values: new Int16Array(bytes.buffer) };
}
const input = { maps: unpack(lesson.input.values), shown: [...Array(C).keys()], after: lesson.input.shape };
steps.forEach(step => { step.maps = unpack(step.maps); step.weights = unpack(step.weights); });
const held = index => index < 0 ? input : steps[index].kind === "dropout" ? held(steps[index].source) : steps[index];
const size = step => step.after.length === 3 ? step.after.slice(1) : [Math.ceil(step.after[0] / 32), Math.min(32, step.after[0])];
function value(index, place, y, x) {
  const step = held(index), [h, w] = step.after.length === 3 ? step.after.slice(1) : [1, 1];
  const at = ((now.image * step.shown.length + place) * h + y) * w + x;
  return step.maps.values[at] * step.maps.scale;
}
const inside = (index, y, x) => y >= 0 && x >= 0 && y < held(index).after[1] && x < held(index).after[2];
const unit = (step, y, x) => y * 32 + x;
function number(v) {
  const text = Math.abs(v) >= 100 ? v.toFixed(0) : Math.abs(v) >= 10 ? v.toFixed(1) : v.toFixed(2);
  return /^-0(\.0*)?$/.test(text) ? text.slice(1) : text.replace("-", "−");
}
const signed = v => (v < 0 ? "− " : "+ ") + number(Math.abs(v));

// ---- colours: blue below zero, orange above
let palette;
function colours() {
  const read = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const hex = read("--zero");
  palette = { below: read("--first-rgb").split(" ").map(Number), above: read("--second-rgb").split(" ").map(Number),
    zero: [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16)), frame: read("--second") };
}
function colour(share) {
  const end = share < 0 ? palette.below : palette.above, part = Math.min(1, Math.abs(share));
  return palette.zero.map((c, i) => Math.round(c + (end[i] - c) * part));
}
function paint(canvas, h, w, at, greatest, shown) {
  canvas.width = w; canvas.height = h;
  const context = canvas.getContext("2d"), pixels = context.createImageData(w, h);
  for (let y = 0; y < h; y++) for (let x = 0; x < w; x++) {
    const known = shown === undefined || y * w + x < shown;
    const [r, g, b] = known ? colour(at(y, x) / (greatest || 1)) : palette.zero;
    pixels.data.set([r, g, b, known ? 255 : 0], 4 * (y * w + x));
  }
  context.putImageData(pixels, 0, 0);
}
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, text] of Object.entries(attributes)) made.setAttribute(name, text);
  made.append(...children);
  return made;
}

// ---- the image, and how sure the network is
function chooseImage(index) {
  now.image = index;
  const shown = images[index], canvas = find("picture");
  document.querySelectorAll("#choices button").forEach((button, i) => button.setAttribute("aria-pressed", i === index));
  const picture = new Image();
  picture.onload = () => { canvas.width = W; canvas.height = H; const context = canvas.getContext("2d"); context.imageSmoothingEnabled = false; context.drawImage(picture, 0, 0, W, H); };
  picture.src = shown.picture;
  find("file").textContent = `${shown.file}: is ${shown.actual}, taken for ${shown.predicted}`;
  const ranked = shown.probabilities.map((p, i) => [p, lesson.classes[i]]).sort((a, b) => b[0] - a[0]).slice(0, 6);
  find("odds").replaceChildren(...ranked.flatMap(([p, name]) => {
    const bar = element("i"); bar.style.width = `${100 * p}%`;
    return [element("span", { title: name }, name), element("span", { class: "bar" }, bar), element("span", { class: "num" }, `${(100 * p).toFixed(1)} %`)];
  }));
  drawMaps(); drawHand(); explain();
}
images.forEach((shown, index) => {
  const button = element("button", { type: "button", "aria-pressed": "false", "aria-label": `${shown.actual}, taken for ${shown.predicted}`, title: shown.file }, element("img", { src: shown.picture, alt: "" }));
  if (shown.actual !== shown.predicted) button.classList.add("wrong");
  button.addEventListener("click", () => chooseImage(index));
  find("choices").append(button);
});

// ---- the maps of each layer
const strips = [];
document.querySelectorAll("#steps > li[data-step]").forEach(item => {
  const index = Number(item.dataset.step), step = steps[index], strip = item.querySelector(".strip");
  strips[index] = [];
  if (!step.maps) { strip.append(element("span", { class: "soft small" }, step.kind === "dropout" ? "" : `${step.after[0]} values, too many to show`)); return; }
  const flat = step.after.length === 1, count = flat ? 1 : step.shown.length;
  for (let place = 0; place < count; place++) {
    const label = flat ? `${step.name}, ${step.after[0]} values` : `${step.name}, channel ${step.shown[place]}`;
    const canvas = element("canvas", { role: "img", "aria-label": label, tabindex: place ? "-1" : "0" }), [h, w] = size(step);
    canvas.style.width = flat ? `${Math.min(32, w) * 13}px` : `${Math.max(60, Math.min(112, 1.6 * w))}px`;
    canvas.style.maxWidth = "100%";
    canvas.addEventListener("mousemove", event => { const [y, x] = pixel(event, canvas); select(index, place, y, x); });
    canvas.addEventListener("focus", () => { if (now.step !== index || now.place !== place) select(index, place, Math.min(now.y, h - 1), Math.min(now.x, w - 1)); });
    canvas.addEventListener("keydown", keys);
    strips[index].push(canvas); strip.append(canvas);
  }
  if (!flat && step.shown.length < step.after[0]) strip.append(element("span", { class: "soft small", style: "align-self: end" }, `+ ${step.after[0] - step.shown.length} more`));
});
function drawMaps() {
  steps.forEach((step, index) => {
    if (!step.maps) return;
    const [h, w] = size(step), flat = step.after.length === 1;
    const each = step.shown.length * (flat ? 1 : h * w), from = now.image * each;
    let greatest = 0;
    for (let i = from; i < from + each; i++) greatest = Math.max(greatest, Math.abs(step.maps.values[i]));
    greatest *= step.maps.scale;
    strips[index].forEach((canvas, place) => flat
      ? paint(canvas, h, w, (y, x) => value(index, unit(step, y, x), 0, 0), greatest, step.after[0])
      : paint(canvas, h, w, (y, x) => value(index, place, y, x), greatest));
  });
}
function pixel(event, canvas) {
  const box = canvas.getBoundingClientRect(), clamp = (v, most) => Math.max(0, Math.min(most - 1, Math.floor(v)));
  return [clamp((event.clientY - box.top) / box.height * canvas.height, canvas.height), clamp((event.clientX - box.left) / box.width * canvas.width, canvas.width)];
}
function select(index, place, y, x) {
  Object.assign(now, { step: index, place, y, x });
  document.querySelectorAll(".strip canvas.chosen").forEach(canvas => canvas.classList.remove("chosen"));
  const canvas = strips[index][place];
  strips[index].forEach(other => other.setAttribute("tabindex", other === canvas ? "0" : "-1"));
  canvas.classList.add("chosen");
  explain();
}
function keys(event) {
  const step = steps[now.step], [h, w] = size(step);
  const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  if (moves[event.key]) {
    const [dy, dx] = moves[event.key];
    select(now.step, now.place, Math.max(0, Math.min(h - 1, now.y + dy)), Math.max(0, Math.min(w - 1, now.x + dx)));
  } else if (event.key === "[" || event.key === "]") {
    const place = now.place + (event.key === "]" ? 1 : -1);
    if (strips[now.step][place]) strips[now.step][place].focus();
  } else if (event.key === "PageUp" || event.key === "PageDown") {
    const by = event.key === "PageDown" ? 1 : -1;
    let index = now.step + by;
    while (steps[index] && !steps[index].maps) index += by;
    if (steps[index]) strips[index][Math.min(now.place, strips[index].length - 1)].focus();
  } else return;
  event.preventDefault();
}

// ---- how a value came about
function grid(side, at, greatest, out) {
  const table = element("table", { class: side > 5 ? "grid-of tiny" : "grid-of" });
  for (let y = 0; y < side; y++) {
    const row = element("tr");
    for (let x = 0; x < side; x++) {
      const v = at(y, x), cell = element("td", out && out(y, x) ? { class: "out", title: "outside: zero" } : {}, number(v));
      cell.style.background = `rgb(${colour(0.75 * v / (greatest || 1)).join(" ")})`;
      row.append(cell);
    }
    table.append(row);
  }
  return table;
}
function greatest(side, at) {
  let most = 0;
  for (let y = 0; y < side; y++) for (let x = 0; x < side; x++) most = Math.max(most, Math.abs(at(y, x)));
  return most;
}
function product(name, side, window, kernel, sum, out) {
  return element("div", {}, name, element("div", { class: "product" }, grid(side, window, greatest(side, window), out), "×",
    grid(side, kernel, greatest(side, kernel)), element("b", { class: "num" }, `= ${number(sum)}`)));
}
function convolution(index, place, y, x) {
  const step = steps[index], from = held(step.source), side = step.kernel, parts = [];
  const row = j => y * step.stride - step.pad + j * step.dilation, column = j => x * step.stride - step.pad + j * step.dilation;
  from.shown.forEach((channel, k) => {
    const window = (a, b) => inside(step.source, row(a), column(b)) ? value(step.source, k, row(a), column(b)) : 0;
    const kernel = (a, b) => step.weights.values[((place * from.shown.length + k) * side + a) * side + b] * step.weights.scale;
    let sum = 0;
    for (let a = 0; a < side; a++) for (let b = 0; b < side; b++) sum += window(a, b) * kernel(a, b);
    parts.push({ channel, sum, window, kernel, out: (a, b) => !inside(step.source, row(a), column(b)) });
  });
  return { parts: parts.sort((a, b) => Math.abs(b.sum) - Math.abs(a.sum)), others: step.before[0] - from.shown.length, bias: step.bias[place] };
}
function sayConvolution(index, place, y, x, v, most) {
  const found = convolution(index, place, y, x), first = found.parts.slice(0, most), step = steps[index];
  const rest = v - found.bias - first.reduce((total, part) => total + part.sum, 0), left = step.before[0] - first.length;
  const name = part => step.before[0] === 1 ? "the image under the filter × its weights" : step.source < 0 && C === 3 ? `${["red", "green", "blue"][part.channel]} × weights` : `channel ${part.channel} × weights`;
  const blocks = first.map(part => product(name(part), step.kernel, part.window, part.kernel, part.sum, part.out));
  const sum = first.map((part, i) => i ? signed(part.sum) : number(part.sum)).join(" ") + (left ? ` ${signed(rest)} (${left} other channels)` : "") + (found.bias ? ` ${signed(found.bias)} (bias)` : "");
  const alone = first.length === 1 && !left && !found.bias; // the product says it all
  return [element("div", { class: "sum" }, ...blocks, ...(alone ? [] : [element("div", { class: "num" }, `${sum} = `, element("b", {}, number(v)))]))];
}
const formulas = { relu: a => `max(0, ${number(a)})`, sigmoid: a => `1 / (1 + e^−(${number(a)}))`, tanh: a => `tanh(${number(a)})`, silu: a => `${number(a)} / (1 + e^−(${number(a)}))`, gelu: a => `gelu(${number(a)})` };
function saySum(v, parts, bias, what) {
  const first = parts.sort((a, b) => Math.abs(b.sum) - Math.abs(a.sum)).slice(0, 5);
  const rest = v - bias - first.reduce((total, part) => total + part.sum, 0), left = parts.length - first.length;
  const text = first.map(part => `${number(part.a)} × ${number(part.b)}`).join(" + ") + (left ? ` ${signed(rest)} (${left} other ${what})` : "") + ` ${signed(bias)} (bias)`;
  return [element("p", { class: "num" }, `${text} = `, element("b", {}, number(v)))];
}
function reasons(index, place, y, x, v) {
  const step = steps[index], source = step.source, before = held(source);
  const [sy, sx] = before.after.length === 3 ? [y, x] : [0, 0];
  switch (step.kind) {
    case "conv": return sayConvolution(index, place, y, x, v, step.kernel > 5 ? 2 : 3);
    case "activation": { const a = value(source, place, sy, sx); return [element("p", { class: "num" }, `${step.function}: ${formulas[step.function](a)} = `, element("b", {}, number(v)))]; }
    case "norm": { const a = value(source, place, y, x); return [element("p", { class: "num" }, `(${number(a)} ${signed(-step.mean[place])}) / ${number(step.deviation[place])} × ${number(step.gain[place])} ${signed(step.shift[place])} = `, element("b", {}, number(v)))]; }
    case "pool": { const window = (a, b) => value(source, place, y * step.size + a, x * step.size + b);
      return [element("div", { class: "sum" }, grid(step.size, window, greatest(step.size, window)), element("div", { class: "num" }, `${step.pooling === "max" ? "the largest" : "the mean"} = `, element("b", {}, number(v))))]; }
    case "skip": { const a = value(step.inside, place, y, x); return [element("p", { class: "num" }, `what the layers inside made: ${number(a)}, what came in: ${signed(v - a)} = `, element("b", {}, number(v)))]; }
    case "mean": return [element("p", { class: "num" }, `the mean of the ${before.after[1]}×${before.after[2]} values of channel ${step.shown[place]} = `, element("b", {}, number(v)))];
    case "flatten": { const [, h, w] = step.before; return [element("p", { class: "num" }, `channel ${Math.floor(place / (h * w))}, pixel (${Math.floor(place / w) % h}, ${place % w}) = `, element("b", {}, number(v)))]; }
    case "dense": {
      if (!step.weights || !before.maps) return [element("p", { class: "num" }, `the sum of ${step.before[0]} products and a bias = `, element("b", {}, number(v)))];
      const count = step.before[0], parts = [];
      for (let i = 0; i < count; i++) { const a = value(source, i, 0, 0), b = step.weights.values[place * count + i] * step.weights.scale; parts.push({ a, b, sum: a * b }); }
      return saySum(v, parts, step.bias[place], "products");
    }
  }
  return [];
}
function explain() {
  const step = steps[now.step], frame = find("field").style;
  if (!step || !step.maps) return;
  const flat = step.after.length === 1, place = flat ? unit(step, now.y, now.x) : now.place;
  if (place >= step.shown.length) return;
  const v = flat ? value(now.step, place, 0, 0) : value(now.step, place, now.y, now.x);
  const last = now.step === steps.length - 1, named = last && lesson.classes.length === step.after[0] ? ` (${lesson.classes[place]})` : "";
  const where = flat ? `value ${place}${named}` : `channel ${step.shown[place]}, pixel (${now.y}, ${now.x})`;
  let top = 0, left = 0, bottom = H, right = W;
  if (step.field && !flat) {
    const [sees, jump, start] = step.field;
    [top, left, bottom, right] = [start + now.y * jump, start + now.x * jump, start + now.y * jump + sees, start + now.x * jump + sees];
  }
  const seen = step.field && !flat ? `sees ${step.field[0]}×${step.field[0]} pixels of the image` : "sees the whole image";
  find("says").replaceChildren(element("p", {}, element("b", {}, step.name), ` · ${where} · ${seen}`), ...reasons(now.step, place, flat ? 0 : now.y, flat ? 0 : now.x, v));
  [top, left, bottom, right] = [Math.max(0, top), Math.max(0, left), Math.min(H, bottom), Math.min(W, right)];
  Object.assign(frame, { display: "block", top: `${100 * top / H}%`, left: `${100 * left / W}%`, height: `${100 * (bottom - top) / H}%`, width: `${100 * (right - left) / W}%` });
}

// ---- by hand and learned
const conv = steps.findIndex(step => step.kind === "conv" && step.source < 0);
const SOBEL = [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]];
const grey = (y, x) => y < 0 || x < 0 || y >= H || x >= W ? 0 : input.shown.reduce((total, k) => total + value(-1, k, y, x), 0) / C;
const edge = (y, x) => SOBEL.flatMap((row, a) => row.map((weight, b) => weight * grey(y + a - 1, x + b - 1))).reduce((a, b) => a + b, 0);
function large(canvas, h, w, at, [y, x], side) {
  const cell = Math.max(1, Math.floor(256 / w));
  canvas.width = cell * w; canvas.height = cell * h;
  const context = canvas.getContext("2d");
  let most = 0;
  for (let a = 0; a < h; a++) for (let b = 0; b < w; b++) most = Math.max(most, Math.abs(at(a, b)));
  for (let a = 0; a < h; a++) for (let b = 0; b < w; b++) { context.fillStyle = `rgb(${colour(at(a, b) / (most || 1)).join(",")})`; context.fillRect(b * cell, a * cell, cell, cell); }
  const reach = (side - 1) / 2;
  context.strokeStyle = palette.frame; context.lineWidth = 3;
  context.strokeRect((x - reach) * cell, (y - reach) * cell, side * cell, side * cell);
}
function drawHand() {
  if (conv < 0) return;
  const step = steps[conv], [y, x] = now.spot, [, h, w] = step.after;
  const to = (v, most) => Math.max(0, Math.min(most - 1, Math.round((v + step.pad - step.dilation * (step.kernel - 1) / 2) / step.stride)));
  const [oy, ox] = [to(y, h), to(x, w)];
  large(find("plain"), H, W, grey, [y, x], 3);
  large(find("sobel"), H, W, edge, [y, x], 1);
  large(find("learned"), h, w, (a, b) => value(conv, now.filter, a, b), [oy, ox], 1);
  const window = (a, b) => grey(y + a - 1, x + b - 1), kernel = (a, b) => SOBEL[a][b];
  find("sobel-says").replaceChildren(product(`pixel (${y}, ${x})`, 3, window, kernel, edge(y, x), (a, b) => y + a < 1 || x + b < 1 || y + a > H || x + b > W));
  find("learned-name").textContent = `Learned filter ${step.shown[now.filter]}`;
  find("learned-says").replaceChildren(`pixel (${oy}, ${ox}): `, ...sayConvolution(conv, now.filter, oy, ox, value(conv, now.filter, oy, ox), 1));
}
if (conv >= 0) {
  const step = steps[conv], side = step.kernel, weight = (place, k, a, b) => step.weights.values[((place * C + k) * side + a) * side + b] / 32767;
  step.shown.forEach((filter, place) => {
    const canvas = element("canvas", { role: "button", tabindex: "0", "aria-label": `Filter ${filter}` });
    const choose = () => { now.filter = place; drawKernels(); drawHand(); };
    canvas.addEventListener("click", choose);
    canvas.addEventListener("keydown", event => { if (event.key === "Enter" || event.key === " ") { choose(); event.preventDefault(); } });
    canvas.style.width = "46px";
    find("kernels").append(canvas);
  });
  var drawKernels = () => [...find("kernels").children].forEach((canvas, place) => {
    canvas.classList.toggle("chosen", place === now.filter);
    canvas.setAttribute("aria-pressed", place === now.filter);
    if (C !== 3) { paint(canvas, side, side, (a, b) => weight(place, 0, a, b), 1); return; }
    canvas.width = side; canvas.height = side;
    const context = canvas.getContext("2d"), pixels = context.createImageData(side, side);
    for (let a = 0; a < side; a++) for (let b = 0; b < side; b++) pixels.data.set([0, 1, 2].map(k => 128 + 127 * weight(place, k, a, b)).concat(255), 4 * (a * side + b));
    context.putImageData(pixels, 0, 0);
  });
  const move = (y, x) => { now.spot = [Math.max(0, Math.min(H - 1, y)), Math.max(0, Math.min(W - 1, x))]; drawHand(); };
  const over = (id, h, w, back) => find(id).addEventListener("mousemove", event => {
    const box = find(id).getBoundingClientRect(), y = Math.floor((event.clientY - box.top) / box.height * h), x = Math.floor((event.clientX - box.left) / box.width * w);
    move(back(y), back(x));
  });
  over("plain", H, W, v => v); over("sobel", H, W, v => v);
  over("learned", step.after[1], step.after[2], v => Math.round(v * step.stride - step.pad + step.dilation * (side - 1) / 2));
  find("plain").addEventListener("keydown", event => {
    const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    if (moves[event.key]) { move(now.spot[0] + moves[event.key][0], now.spot[1] + moves[event.key][1]); event.preventDefault(); }
  });
}

// ---- begin
function draw() { colours(); if (conv >= 0) drawKernels(); chooseImage(now.image); }
const begin = steps.findIndex(step => step.maps);
if (begin >= 0) { const [h, w] = size(steps[begin]); Object.assign(now, { step: begin, y: h >> 1, x: w >> 1 }); }
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
draw();
if (begin >= 0) select(begin, 0, now.y, now.x);
document.body.dataset.ready = "yes";
})();
"""
