// A model of a few neurons and three wirings that lives in a page: a reader draws spikes, and sees which state the model
// infers in each bin and which wiring it then takes to be at work. Equations (1) and (2) of the chapter and the scaled
// recursions of brainlib.brainstates; a test compares both.
"use strict";

(() => {
  const read = (buffer) => JSON.parse(new TextDecoder().decode(new Uint8Array(buffer)));

  // log p(spikes of a bin | state, the past), [bins][states], up to what all states share.
  function logEmission({ weights, bias, basis }, spikes) {
    return spikes.map((now, t) => {
      const heard = now.map((_, n) => basis.reduce((sum, phi, k) => sum + (t > k ? phi * spikes[t - 1 - k][n] : 0), 0));
      return weights.map((wiring, s) => now.reduce((sum, x, n) => {
        const drive = wiring[n].reduce((total, w, from) => total + w * heard[from], bias[s][n]);
        const rate = 1 / (1 + Math.exp(-drive));
        return sum + x * Math.log(rate) - rate;
      }, 0));
    });
  }

  // p(state | spikes), [bins][states]: of each bin from the past alone, or from all spikes.
  function infer(model, spikes, smooth) {
    const { transition, initial } = model, states = initial.map((_, s) => s);
    const normalised = (row) => { const sum = row.reduce((a, b) => a + b, 0); return row.map((value) => value / sum); };
    const said = logEmission(model, spikes).map((row) => row.map((value) => Math.exp(value - Math.max(...row))));
    const ahead = [];
    said.forEach((e, t) => {
      const prior = t ? states.map((s) => states.reduce((sum, r) => sum + ahead[t - 1][r] * transition[r][s], 0)) : initial;
      ahead.push(normalised(prior.map((value, s) => value * e[s])));
    });
    if (!smooth) return ahead;
    let after = states.map(() => 1);
    const both = [];
    for (let t = said.length - 1; t >= 0; t--) {
      both[t] = normalised(states.map((s) => ahead[t][s] * after[s]));
      after = normalised(states.map((r) => states.reduce((sum, s) => sum + transition[r][s] * said[t][s] * after[s], 0)));
    }
    return both;
  }

  // The weights that are to be expected in a bin, [to][from].
  const expected = ({ weights }, shares) => weights[0].map((row, to) =>
    row.map((_, from) => shares.reduce((sum, share, s) => sum + share * weights[s][to][from], 0)));

  function element(tag, properties, ...children) {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  }

  function mount(figure, buffer) {
    const model = read(buffer), { names, colours, spikes: given } = model;
    const bins = given.length, neurons = given[0].length;
    let spikes = given.map((row) => [...row]), waiting = 0, pen = null;

    const id = (name) => `${figure.id}-${name}`;
    const button = (textContent, action) =>
      element("button", { type: "button", textContent, onclick: () => { action(); refresh(); } });
    function slider(name, label, max, value) {
      const input = element("input", { type: "range", id: id(name), min: 1, max, step: 1, value, autocomplete: "off", oninput: refresh });
      const output = element("output", {});
      output.htmlFor.add(input.id);
      return { input, output, row: element("div", { className: "brainlib-control" }, element("label", { htmlFor: input.id, textContent: label }), input, output) };
    }
    const bin = slider("bin", "bin", bins, 20), neuron = slider("neuron", "neuron", neurons, 1);
    const place = () => [bin.input.value - 1, neuron.input.value - 1];
    const known = element("select", { id: id("known"), autocomplete: "off", onchange: refresh },
      ...["all spikes", "the past alone"].map((textContent) => element("option", { textContent })));
    const blank = () => Array.from({ length: bins }, () => new Array(neurons).fill(0));
    const runs = (way) => { // a spike wanders through the neurons, three bins later the next
      const [from] = place();
      for (let start = from; start < Math.min(from + 18, bins); start += 3) {
        for (let k = 0; k < neurons && start + k < bins; k++) spikes[start + k][way > 0 ? k : neurons - 1 - k] = 1;
      }
    };
    const line = (...parts) => element("div", { className: "live-line" }, ...parts);
    const controls = element("div", { className: "brainlib-controls" },
      bin.row, neuron.row,
      line(button("spike on or off", () => { const [t, n] = place(); spikes[t][n] = 1 - spikes[t][n]; }),
        button("waves up from here", () => runs(1)), button("waves down from here", () => runs(-1))),
      line(button("random spikes", () => { spikes = blank().map((row) => row.map(() => Number(Math.random() < 0.12))); }),
        button("no spikes", () => { spikes = blank(); }), button("as at first", () => { spikes = given.map((row) => [...row]); })),
      element("div", { className: "brainlib-control" }, element("label", { htmlFor: known.id, textContent: "known" }), known));

    // The raster above the states, beside them the wiring of the chosen bin.
    const frame = figure.querySelector(".brainlib-frame"), plot = frame.querySelector(".brainlib-plot");
    const LEFT = 22, ROW = 22, TOP = 6, SHARES = 90, GRAPH = 150, BELOW = 22, height = TOP + ROW * neurons + 12 + SHARES + BELOW;
    const canvas = element("canvas", { tabIndex: -1 });
    canvas.style.touchAction = "pan-y";
    const cellOf = (event) => {
      const cell = (plot.clientWidth - LEFT - GRAPH) / bins;
      const t = Math.floor((event.offsetX - LEFT) / cell), row = Math.floor((event.offsetY - TOP) / ROW);
      return t >= 0 && t < bins && row >= 0 && row < neurons ? [t, neurons - 1 - row] : null; // the first neuron is lowest
    };
    const dab = (event) => {
      const cell = cellOf(event);
      if (!cell || pen === null) return;
      spikes[cell[0]][cell[1]] = pen;
      [bin.input.value, neuron.input.value] = [cell[0] + 1, cell[1] + 1];
      refresh();
    };
    canvas.onpointerdown = (event) => {
      const cell = cellOf(event);
      if (!cell) return;
      canvas.setPointerCapture(event.pointerId);
      pen = 1 - spikes[cell[0]][cell[1]];
      dab(event);
    };
    canvas.onpointermove = dab;
    canvas.onpointerup = canvas.onpointercancel = () => { pen = null; };
    const status = element("p", { className: "live-status" });
    status.setAttribute("role", "status");

    function paint(shares) {
      const width = plot.clientWidth, ratio = devicePixelRatio, cell = (width - LEFT - GRAPH) / bins;
      const style = getComputedStyle(figure), ink = style.getPropertyValue("--brainlib-ink"), grid = style.getPropertyValue("--brainlib-grid");
      Object.assign(canvas, { width: Math.round(width * ratio), height: Math.round(height * ratio) });
      canvas.style.height = `${height}px`;
      const brush = canvas.getContext("2d");
      brush.setTransform(ratio, 0, 0, ratio, 0, 0);
      brush.font = `12px ${style.fontFamily}`;
      const [chosen, one] = place(), middle = (n) => TOP + ROW * (neurons - 1 - n + 0.5), base = TOP + ROW * neurons + 12 + SHARES;
      spikes.forEach((row, t) => {
        const x = LEFT + t * cell;
        let y = base;
        shares[t].forEach((share, s) => {
          brush.fillStyle = colours[s];
          brush.fillRect(x, y - share * SHARES, cell + 0.5, share * SHARES);
          y -= share * SHARES;
        });
        brush.fillStyle = ink;
        row.forEach((x_n, n) => { if (x_n) brush.fillRect(x + cell / 2 - 1.5, middle(n) - 8, 3, 16); });
      });
      brush.strokeStyle = grid;
      for (let n = 0; n <= neurons; n++) brush.strokeRect(LEFT, TOP + ROW * n, bins * cell, 0.5);
      brush.strokeStyle = brush.fillStyle = ink;
      brush.strokeRect(LEFT + chosen * cell, TOP, cell, base - TOP);
      brush.lineWidth = 2;
      brush.strokeRect(LEFT + chosen * cell, middle(one) - ROW / 2, cell, ROW);
      for (let n = 0; n < neurons; n++) brush.fillText(n + 1, 6, middle(n) + 4);
      brush.fillText("time (bins) →", LEFT, height - 6);
      const wiring = expected(model, shares[chosen]), most = Math.max(...model.weights.flat(2).map(Math.abs));
      const at = width - GRAPH / 2;
      wiring.forEach((row, to) => row.forEach((weight, from) => {
        if (Math.abs(weight) < 0.02 * most || to === from) return;
        const bulge = (to > from ? -1 : 1) * (26 + 8 * Math.abs(to - from)), y = [middle(from), middle(to)];
        const tip = y[1] + (to > from ? 9 : -9), back = to > from ? 8 : -8;
        brush.globalAlpha = Math.min(1, Math.abs(weight) / most);
        brush.lineWidth = 3;
        brush.strokeStyle = brush.fillStyle = colours[to > from ? 0 : 1];
        brush.beginPath();
        brush.moveTo(at, y[0]);
        brush.quadraticCurveTo(at + bulge, (y[0] + y[1]) / 2, at + bulge / 8, tip);
        brush.stroke();
        brush.fill(new Path2D(`M${at + bulge / 8} ${tip - back * 0.6}l-6 ${back}h12z`));
      }));
      brush.globalAlpha = brush.lineWidth = 1;
      brush.fillStyle = ink;
      for (let n = 0; n < neurons; n++) {
        brush.beginPath();
        brush.arc(at, middle(n), 6, 0, 2 * Math.PI);
        brush.fill();
      }
      brush.textAlign = "center";
      brush.fillText(`wiring in bin ${chosen + 1}`, at, TOP + ROW * neurons + 24);
      names.forEach((name, s) => {
        brush.fillStyle = colours[s];
        brush.fillRect(at - 60, TOP + ROW * neurons + 36 + 18 * s, 10, 10);
        brush.fillStyle = ink;
        brush.textAlign = "left";
        brush.fillText(`${name} ${shares[chosen][s].toFixed(2)}`, at - 44, TOP + ROW * neurons + 45 + 18 * s);
      });
    }

    function show() {
      waiting = 0;
      const shares = infer(model, spikes, known.selectedIndex === 0), [chosen, n] = place();
      paint(shares);
      const said = names.map((name, s) => `${name} ${shares[chosen][s].toFixed(2)}`).join(", ");
      for (const [{ input, output }, text] of [[bin, `${chosen + 1}: ${said}`], [neuron, `${n + 1}`]]) {
        output.textContent = input.value;
        input.setAttribute("aria-valuetext", text);
      }
      status.textContent = `Bin ${chosen + 1}: ${said}. Neuron ${n + 1} ${spikes[chosen][n] ? "fires" : "is silent"} in it.`;
    }

    function refresh() {
      waiting ||= requestAnimationFrame(show);
    }

    plot.style.height = "auto";
    plot.append(canvas);
    frame.before(controls);
    frame.after(status);
    show();
    return refresh;
  }

  (window.brainlibPrograms ??= {})["draw_spikes.js"] = Object.assign(mount, { read, infer, expected });
})();
