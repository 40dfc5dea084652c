// Draws each .view of the page: triangles with a depth buffer into a canvas, so that no graphics card is needed.
"use strict";
const INK = [31, 41, 51], SHARP = 2, LIGHT = 0.6;

const bytes = text => Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
const unpacked = ({ low, step, data }) => Float32Array.from(new Uint16Array(bytes(data).buffer), code => low + step * code);
const shortly = value => value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e5) ? value.toExponential(2) : String(+value.toPrecision(3));

class View {
  constructor(root) {
    this.root = root;
    this.data = JSON.parse(root.querySelector("script").textContent);
    this.points = unpacked(this.data.points);
    this.triangles = new Uint32Array(bytes(this.data.triangles).buffer);
    this.edges = bytes(this.data.edges);
    this.colours = { field: bytes(this.data.colours.field), error: bytes(this.data.colours.error) };
    this.kept = new Map();
    this.measure();
    this.controls();
    // Where nobody knows the truth, the field and the estimate of its error are all there is.
    this.estimated = !this.data.methods.length;
    this.panels = (this.estimated ? ["field", "field"] : ["field", "field", "error"]).map(kind => this.panel(kind));
    this.reset();
    new ResizeObserver(() => this.later()).observe(root);
  }

  // Arrays are unpacked when they are first shown.
  array(packed) {
    if (!this.kept.has(packed)) this.kept.set(packed, unpacked(packed));
    return this.kept.get(packed);
  }

  measure() {
    const low = [Infinity, Infinity, Infinity], high = [-Infinity, -Infinity, -Infinity];
    this.points.forEach((value, index) => {
      low[index % 3] = Math.min(low[index % 3], value);
      high[index % 3] = Math.max(high[index % 3], value);
    });
    this.centre = low.map((value, axis) => (value + high[axis]) / 2);
    this.half = high.map((value, axis) => (value - low[axis]) / 2);
  }

  controls() {
    const find = name => this.root.querySelector("." + name), { data } = this;
    [this.state, this.field, this.method, this.edged, this.own] = ["state", "field", "method", "edges", "own"].map(find);
    this.state.max = data.states.length - 1;
    // The first thing seen is a generated state, if one lies between known ones.
    const first = kinds => data.states.findIndex(state => state.kind.startsWith(kinds));
    this.state.value = Math.max(first("held out, between"), first("generated"), 0);
    data.fields.forEach((field, row) => this.field.add(new Option(field.name, row)));
    data.methods.forEach((name, row) => this.method.add(new Option(name, row)));
    this.method.parentNode.hidden = !data.methods.length;
    for (const control of [this.state, this.field, this.method, this.edged, this.own])
      control.addEventListener("input", () => this.show());
    find("in").onclick = () => this.nearer(1.25);
    find("out").onclick = () => this.nearer(0.8);
    find("back").onclick = () => this.reset();
    find("note").textContent = data.note;
  }

  panel(kind) {
    const box = document.createElement("div");
    box.innerHTML = '<h4></h4><canvas class="body"></canvas><canvas class="bar" width="256" height="1"></canvas><div class="ends"><span></span><span></span><span></span></div>';
    this.root.querySelector(".view-panels").append(box);
    const [body, bar] = box.querySelectorAll("canvas"), ends = box.querySelectorAll("span");
    const row = bar.getContext("2d").createImageData(256, 1);
    row.data.fill(255);
    for (let index = 0; index < 768; index++) row.data[4 * Math.floor(index / 3) + index % 3] = this.colours[kind][index];
    bar.getContext("2d").putImageData(row, 0, 0);
    const panel = { kind, body, ends, title: box.querySelector("h4") };
    body.onpointerdown = event => { body.setPointerCapture(event.pointerId); this.held = [event.clientX, event.clientY]; };
    body.onpointerup = body.onpointercancel = () => { this.held = null; this.later(); };
    body.onpointermove = event => this.held ? this.drag(event, body) : this.read(event, panel);
    body.ondblclick = () => this.reset();
    body.addEventListener("wheel", event => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      this.nearer(Math.exp(-event.deltaY / 200));
    }, { passive: false });
    return panel;
  }

  // Rows of the turn: to the right, up, towards the eye.
  reset() {
    this.zoom = 1;
    this.shift = [0, 0];
    const [c, s, u, v] = [Math.cos(0.5), Math.sin(0.5), Math.cos(0.48), Math.sin(0.48)];
    this.turn = this.data.flat ? [[1, 0, 0], [0, 1, 0], [0, 0, 1]] : [[c, -s, 0], [s * v, c * v, u], [-s * u, -c * u, v]];
    const reach = this.turn.map(row => row.reduce((sum, x, axis) => sum + Math.abs(x) * this.half[axis], 0));
    this.reach = reach[0];
    this.shape = Math.min(0.95, Math.max(0.3, 1.1 * reach[1] / reach[0]));
    this.high = reach[1];
    this.later();
  }

  nearer(factor) { this.zoom *= factor; this.later(); }

  drag(event, body) {
    const move = [event.clientX - this.held[0], event.clientY - this.held[1]];
    this.held = [event.clientX, event.clientY];
    if (event.shiftKey) this.shift = this.shift.map((value, axis) => value + move[axis] / body.clientWidth);
    else {
      const [right, up, eye] = this.turn;
      const spin = (one, other, angle) => one.map((value, axis) => value * Math.cos(angle) + other[axis] * Math.sin(angle));
      const [a, b] = move.map(value => value / 150);
      const turned = spin(eye, right, -a);
      this.turn = [spin(right, eye, a), spin(up, turned, -b), spin(turned, up, b)];
    }
    this.later();
  }

  read(event, panel) {
    if (!panel.values) return;
    const { width, height, clientWidth, clientHeight } = panel.body;
    const column = Math.floor(event.offsetX / clientWidth * width), row = Math.floor(event.offsetY / clientHeight * height);
    const value = panel.values[row * width + column];
    panel.ends[1].textContent = Number.isFinite(value) ? "here " + shortly(value) : panel.note;
  }

  later() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => { this.waiting = false; this.show(); });
  }

  show() {
    const row = +this.state.value, field = this.data.fields[+this.field.value], method = +this.method.value;
    const { text, kind } = this.data.states[row], unit = field.unit ? ` [${field.unit}]` : "";
    this.root.querySelector("output").textContent = `${text}, ${kind}`;
    const way = this.estimated ? 0 : method, truth = this.array(field.values[row]), wrong = this.array(field.errors[way][row]);
    const reach = this.own.checked ? wrong.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1 : field.reach;
    const nrmse = field.nrmse[way][row], shifts = this.data.shifts;
    const moved = index => shifts ? this.array(shifts[index][row]) : null;
    const peak = field.peak && `colours end at ${shortly(field.limits[1])}, ${field.peak}`;
    const error_peak = this.own.checked ? "" : field.error_peak && `colours end at ${shortly(field.reach)}, ${field.error_peak}`;
    if (this.estimated) {
      this.draw(this.panels[0], truth, field.limits, moved(0), (kind === "known" ? "Known state" : "Generated") + unit, peak);
      this.draw(this.panels[1], wrong, [0, reach], moved(0), this.data.beside + unit, error_peak);
      return;
    }
    const [reference, made, error] = this.panels;
    this.draw(reference, truth, field.limits, moved(0), (kind === "known" ? "Known state" : "Reference, held out") + unit, peak);
    this.draw(made, truth.map((value, index) => value + wrong[index]), field.limits, moved(1 + way), `Generated by ${this.data.methods[way]}${unit}`, peak);
    this.draw(error, wrong, [-reach, reach], moved(1 + way), `Error${unit}` + (nrmse && `, NRMSE ${nrmse} %`), error_peak);
  }

  draw(panel, values, limits, moved, title, note) {
    panel.title.textContent = title;
    panel.note = note;
    const [low, high] = limits, least = Math.abs(low) < 1e-4 * (high - low) && low !== 0 ? "≈ 0" : shortly(low);
    [least, note, shortly(high)].forEach((text, index) => { panel.ends[index].textContent = text; });
    const { body } = panel, wide = body.clientWidth, sharp = this.held ? 1 : SHARP;
    body.style.height = `${Math.round(wide * this.shape)}px`;
    const width = body.width = wide * sharp, height = body.height = Math.round(wide * this.shape) * sharp;
    const scale = this.zoom * 0.48 * Math.min(width / this.reach, height / this.high);
    const screen = this.project(moved, scale, width, height);
    const image = body.getContext("2d").createImageData(width, height);
    panel.values = raster(this, screen, values, limits, this.colours[panel.kind], image, this.edged.checked ? this.edges : null, sharp);
    body.getContext("2d").putImageData(image, 0, 0);
  }

  // Places on the canvas, and towards the eye, in pixels.
  project(moved, scale, width, height) {
    const { points, centre, turn: [r, u, e] } = this, screen = new Float32Array(points.length);
    const across = width / 2 + this.shift[0] * width, down = height / 2 + this.shift[1] * width;
    for (let i = 0; i < points.length; i += 3) {
      const x = points[i] - centre[0] + (moved ? moved[i] : 0), y = points[i + 1] - centre[1] + (moved ? moved[i + 1] : 0), z = points[i + 2] - centre[2] + (moved ? moved[i + 2] : 0);
      screen[i] = across + scale * (r[0] * x + r[1] * y + r[2] * z);
      screen[i + 1] = down - scale * (u[0] * x + u[1] * y + u[2] * z);
      screen[i + 2] = scale * (e[0] * x + e[1] * y + e[2] * z);
    }
    return screen;
  }
}

// Fills an image; returns the value that each pixel shows.
function raster(view, screen, values, [low, high], colours, image, edges, line) {
  const { width, height, data } = image, { triangles } = view, flat = view.data.flat;
  const depth = new Float32Array(width * height).fill(-Infinity), shown = new Float32Array(width * height).fill(NaN);
  data.fill(255);
  for (let t = 0; t < triangles.length; t += 3) {
    const i = triangles[t], j = triangles[t + 1], k = triangles[t + 2];
    const ax = screen[3 * i], ay = screen[3 * i + 1], az = screen[3 * i + 2], bx = screen[3 * j], by = screen[3 * j + 1], bz = screen[3 * j + 2];
    const cx = screen[3 * k], cy = screen[3 * k + 1], cz = screen[3 * k + 2];
    const area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay);
    if (Math.abs(area) < 1e-9) continue;
    const nx = (by - ay) * (cz - az) - (cy - ay) * (bz - az), ny = (bz - az) * (cx - ax) - (cz - az) * (bx - ax);
    const light = flat ? 1 : LIGHT + (1 - LIGHT) * Math.abs(area) / Math.hypot(nx, ny, area);
    const flags = edges ? edges[t / 3] : 0, thick = Math.abs(area) / (0.4 * line);
    const ab = thick / Math.hypot(bx - ax, by - ay), bc = thick / Math.hypot(cx - bx, cy - by), ca = thick / Math.hypot(ax - cx, ay - cy);
    const top = Math.max(0, Math.ceil(Math.min(ay, by, cy) - 0.5)), bottom = Math.min(height - 1, Math.floor(Math.max(ay, by, cy) - 0.5));
    const left = Math.max(0, Math.ceil(Math.min(ax, bx, cx) - 0.5)), right = Math.min(width - 1, Math.floor(Math.max(ax, bx, cx) - 0.5));
    for (let row = top; row <= bottom; row++) for (let column = left; column <= right; column++) {
      const x = column + 0.5, y = row + 0.5;
      const a = ((bx - x) * (cy - y) - (cx - x) * (by - y)) / area, b = ((cx - x) * (ay - y) - (ax - x) * (cy - y)) / area, c = 1 - a - b;
      if (a < 0 || b < 0 || c < -1e-6) continue;
      const z = a * az + b * bz + c * cz, at = row * width + column;
      if (z <= depth[at]) continue;
      depth[at] = z;
      const value = shown[at] = a * values[i] + b * values[j] + c * values[k];
      const colour = 3 * Math.max(0, Math.min(255, Math.round(255 * (value - low) / (high - low))));
      const onEdge = (flags & 1 && c * ab < 1) || (flags & 2 && a * bc < 1) || (flags & 4 && b * ca < 1);
      for (let part = 0; part < 3; part++) data[4 * at + part] = onEdge ? INK[part] : light * colours[colour + part];
    }
  }
  return shown;
}

document.querySelectorAll(".view").forEach(root => new View(root));
