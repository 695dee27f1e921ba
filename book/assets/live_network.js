// Trained leaky networks that live in a page: a reader chooses one, types bits, kills units, pushes weights, stretches
// time constants, and sees the states and the answers. The equations are those of brainlib.timescales.LeakyRNN (leak
// inside, leaky ReLU); a test compares both.
"use strict";

(() => {
  const SHOWN = 40, MOST = 400, WARM_UP = 100, ASKED = 2000, SLICE = 6; // bits; milliseconds of testing at a time
  const SLOPE = 0.01, GROUP = 10;
  const CIVIDIS = [[0, 34, 78], [65, 77, 107], [124, 123, 120], [188, 175, 111], [254, 232, 56]];

  const norm = (values) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  const half = (bits) => {
    const exponent = (bits >> 10) & 31, fraction = bits & 1023;
    return (bits >> 15 ? -1 : 1) * (exponent ? 2 ** (exponent - 25) * (1024 + fraction) : 2 ** -24 * fraction);
  };

  // The networks in a safetensors file of float16, by name; of the two logits of a head only the difference counts.
  function read(buffer) {
    const start = 8 + Number(new DataView(buffer).getBigUint64(0, true));
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, start - 8)));
    const tensor = (name) => {
      const [from, to] = header[name].data_offsets, view = new DataView(buffer, start + from, to - from);
      return Float64Array.from({ length: (to - from) / 2 }, (_, k) => half(view.getUint16(2 * k, true)));
    };
    const network = ([name, facts]) => {
      const part = (named) => tensor(`${name}.${named}`), weight = part("weight"), tau = part("raw_tau");
      const units = tau.length, two = part("readout_weight"), constants = part("readout_bias");
      const other = part("input_bias");
      return [name, {
        units, ...JSON.parse(facts), weight, tau, norm: norm(weight),
        bias: part("recurrent_bias").map((value, i) => value + other[i]), inputWeight: part("input_weight"),
        readout: Float64Array.from({ length: two.length / 2 }, (_, k) => {
          const at = k + Math.floor(k / units) * units;
          return two[at + units] - two[at];
        }),
        readoutBias: Float64Array.from({ length: constants.length / 2 }, (_, k) => constants[2 * k + 1] - constants[2 * k]),
      }];
    };
    return Object.fromEntries(Object.entries(header.__metadata__).sort().map(network));
  }

  // The network with W + push ||W|| D / ||D||, with time constants `stretch` times as long but at least 1 bit, and with
  // the dead units' connections cut.
  function harmed(network, { dead = [], push = 0, direction = null, stretch = 1 }) {
    const { units } = network, [weight, inputWeight, readout] =
      ["weight", "inputWeight", "readout"].map((name) => network[name].slice());
    if (push) {
      const size = (push * network.norm) / norm(direction);
      for (let k = 0; k < weight.length; k++) weight[k] += size * direction[k];
    }
    for (const unit of dead) {
      weight.fill(0, unit * units, (unit + 1) * units);
      for (let k = unit; k < weight.length; k += units) weight[k] = 0;
      for (let k = unit; k < readout.length; k += units) readout[k] = 0;
      inputWeight[unit] = 0;
    }
    const tau = network.tau.map((value) => Math.max(1, stretch * value));
    return { ...network, weight, inputWeight, readout, tau };
  }

  // h_t = phi((1 - a) h_{t-1} + a (W h_{t-1} + b + w x_t)), from and to a place in `states`.
  function step({ units, weight, inputWeight, bias, tau }, bit, states, from, to) {
    for (let i = 0, k = 0; i < units; i++) {
      let current = bias[i] + inputWeight[i] * bit;
      for (let j = 0; j < units; j++, k++) current += weight[k] * states[from + j];
      const value = states[from + i] + (current - states[from + i]) / tau[i];
      states[to + i] = value > 0 ? value : SLOPE * value;
    }
  }

  // The states [time and 1, units] along the bits, beginning with zeros.
  function run(network, bits) {
    const { units } = network, states = new Float64Array((bits.length + 1) * units);
    bits.forEach((bit, t) => step(network, bit, states, t * units, (t + 1) * units));
    return states;
  }

  // The probability that each head gives to an odd number of ones, of the state at a place.
  function answers({ units, readout, readoutBias }, states, at) {
    return Array.from(readoutBias, (margin, head) => {
      for (let i = 0; i < units; i++) margin += readout[head * units + i] * states[at + i];
      return 1 / (1 + Math.exp(-margin));
    });
  }

  // The parity of the last bits up to `end`, for each span; null where there are fewer.
  const parities = (spans, bits, end) => spans.map((span) =>
    end < span ? null : bits.slice(end - span, end).reduce((sum, bit) => sum ^ bit, 0));

  // Along random bits, how often each head has been right so far and how often it was asked.
  function* tested(network, bits) {
    const { units, spans } = network, states = new Float64Array(2 * units), right = spans.map(() => 0);
    for (let t = 0; t < bits.length; t++) {
      const now = ((t + 1) % 2) * units;
      step(network, bits[t], states, units - now, now);
      if (t < WARM_UP) continue;
      const expected = parities(spans, bits, t + 1);
      answers(network, states, now).forEach((odd, head) => {
        right[head] += Number((odd > 0.5) === (expected[head] === 1));
      });
      if (t % 20 === 0 || t === bits.length - 1) yield { right, asked: t + 1 - WARM_UP };
    }
  }

  // Uniform numbers that a seed decides (mulberry32), and a normal matrix with a diagonal of 0.
  function uniform(seed) {
    return () => {
      seed = (seed + 0x6d2b79f5) | 0;
      let mixed = Math.imul(seed ^ (seed >>> 15), seed | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    };
  }

  function normalMatrix(units, seed) {
    const draw = uniform(seed);
    return Float64Array.from({ length: units * units }, (_, k) => {
      const normal = Math.sqrt(-2 * Math.log(1 - draw())) * Math.cos(2 * Math.PI * draw());
      return k % (units + 1) ? normal : 0;
    });
  }

  function element(tag, properties, ...children) {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  }

  function mount(figure, buffer) {
    const networks = read(buffer), names = Object.keys(networks), { units, bits: given } = networks[names[0]];
    const draw = uniform(1), testBits = Array.from({ length: WARM_UP + ASKED }, () => Number(draw() < 0.5));
    const dead = new Set();
    let bits = [...given].map(Number), seed = 1, direction = normalMatrix(units, seed), waiting = 0;
    let network, spans, order, brightest, rows;

    // Controls
    const id = (name) => `${figure.id}-${name}`;
    const button = (textContent, action) =>
      element("button", { type: "button", textContent, onclick: () => { action(); refresh(); } });
    const named = (textContent, control, ...rest) => element("div", { className: "brainlib-control" },
      element("label", { htmlFor: control.id, textContent }), control, ...rest);
    function slider(name, label, min, max, step, value) {
      const input = element("input", { type: "range", id: id(name), min, max, step, value, autocomplete: "off" });
      const output = element("output", {});
      output.htmlFor.add(input.id);
      input.oninput = refresh;
      return { input, output, row: named(label, input, output) };
    }
    const tell = ({ input, output }, text, more = "") => {
      output.textContent = text;
      input.setAttribute("aria-valuetext", text + more);
    };
    const field = element("textarea", { id: id("bits"), rows: 2, spellcheck: false, inputMode: "numeric", maxLength: MOST });
    const write = (newer) => { bits = newer.slice(-MOST); field.value = bits.join(""); };
    field.oninput = () => {
      const typed = field.value.replace(/[^01]/g, "");
      if (typed !== field.value) field.value = typed;
      bits = [...typed].map(Number);
      refresh();
    };
    const which = element("select", { id: id("network"), autocomplete: "off", onchange: () => { use(); refresh(); } },
      ...names.map((name) => element("option", { textContent: name })));
    const push = slider("push", "push the weights", 0, 1, 0.01, 0);
    const stretch = slider("stretch", "stretch τ", 0.5, 3, 0.01, 1);
    const unit = slider("unit", "neuron, slowest first", 1, units, 1, 1);
    const chosen = () => order[unit.input.value - 1];
    const move = (way) => { unit.input.value = Number(unit.input.value) + way; };
    const toggle = () => { if (!dead.delete(chosen())) dead.add(chosen()); };
    const kill = (those) => those.filter((one) => !dead.has(one)).slice(0, GROUP).forEach((one) => dead.add(one));
    const shuffled = () => order.map((one) => [Math.random(), one]).sort(([a], [b]) => a - b).map(([, one]) => one);
    const switched = button("", toggle);
    unit.input.onkeydown = (event) => { // down is down in the picture
      const way = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (way) move(way);
      else if (event.key === " ") toggle();
      else return;
      event.preventDefault();
      refresh();
    };
    const line = (...parts) => element("div", { className: "live-line" }, ...parts);
    const controls = element("div", { className: "brainlib-controls" },
      named("network", which), named("bits, newest last", field),
      line(button("0", () => write([...bits, 0])), button("1", () => write([...bits, 1])),
        button("flip last", () => write([...bits.slice(0, -1), ...bits.slice(-1).map((bit) => 1 - bit)])),
        button("random bits", () => write(Array.from({ length: SHOWN }, () => Number(Math.random() < 0.5))))),
      unit.row,
      line(button("slower", () => move(-1)), button("faster", () => move(1)), switched),
      line(button(`kill ${GROUP} slowest`, () => kill(order)),
        button(`kill ${GROUP} fastest`, () => kill([...order].reverse())),
        button(`kill ${GROUP} at random`, () => kill(shuffled())), button("revive all", () => dead.clear())),
      push.row, line(button("another push", () => { direction = normalMatrix(units, ++seed); })), stretch.row);
    figure.onkeydown = (event) => { // typed anywhere in the figure
      if (event.target === field || event.ctrlKey || event.metaKey || event.altKey || !/^[01]$/.test(event.key)) return;
      write([...bits, Number(event.key)]);
      refresh();
    };

    // What is shown
    const frame = figure.querySelector(".brainlib-frame"), plot = frame.querySelector(".brainlib-plot");
    const canvas = element("canvas", { tabIndex: -1, onclick: (event) => {
      const row = Math.floor((event.offsetY - TOP) / ROW);
      if (row < 0 || row >= units) return;
      unit.input.value = row + 1;
      if (event.pointerType !== "touch") toggle(); // a finger is wider than a row: it chooses, the button kills
      refresh();
    } });
    const TOP = 18, ROW = 4, LEFT = 10, BARS = 84, GAP = 12, height = TOP + ROW * units + 20;
    const small = element("canvas", { width: SHOWN, height: units }), brush = small.getContext("2d");
    const picture = brush.createImageData(SHOWN, units), pixels = new Uint32Array(picture.data.buffer);
    const colours = Uint32Array.from({ length: 256 }, (_, level) => { // the bytes of a pixel: red first, opacity last
      const at = (level / 255) * (CIVIDIS.length - 1), low = Math.min(Math.floor(at), CIVIDIS.length - 2);
      const mixed = CIVIDIS[low].map((part, k) => Math.round(part + (at - low) * (CIVIDIS[low + 1][k] - part)));
      return mixed.reduce((sum, part, k) => sum + part * 256 ** k, 255 * 256 ** 3);
    });
    const head = (scope, textContent) => element("th", { scope, textContent });
    const titles = ["N", "odd?", "now", "random bits"].map((name) => head("col", name)), body = element("tbody", {});
    const table = element("table", { className: "live-answers" },
      element("caption", { textContent: "Is the number of ones among the last N bits odd?" }),
      element("thead", {}, element("tr", {}, ...titles)), body);
    const status = element("p", { className: "live-status" });
    status.setAttribute("role", "status");
    const percent = (share) => `${Math.round(100 * share)} %`;

    function paint(now, states) {
      const width = plot.clientWidth, ratio = devicePixelRatio, cells = width - LEFT - BARS - GAP;
      const style = getComputedStyle(figure), color = (name) => style.getPropertyValue(`--brainlib-${name}`);
      const ink = color("ink"), living = color("accent"), killed = color("fails");
      if (canvas.width !== Math.round(width * ratio)) {
        Object.assign(canvas, { width: Math.round(width * ratio), height: Math.round(height * ratio) });
        canvas.style.height = `${height}px`;
      }
      const pen = canvas.getContext("2d"), first = Math.max(0, bits.length - SHOWN), count = bits.length - first;
      pen.setTransform(ratio, 0, 0, ratio, 0, 0);
      pen.clearRect(0, 0, width, height);
      pixels.fill(0);
      order.forEach((one, row) => {
        for (let t = 0; t < count && !dead.has(one); t++) {
          const share = states[(first + t + 1) * units + one] / brightest;
          pixels[(row + 1) * SHOWN - count + t] = colours[Math.round(255 * Math.min(1, Math.max(0, share || 0)))];
        }
      });
      brush.putImageData(picture, 0, 0);
      pen.imageSmoothingEnabled = false;
      pen.drawImage(small, LEFT, TOP, cells, ROW * units);
      pen.fillStyle = pen.strokeStyle = ink;
      for (let t = 0; t < count; t++) { // a 1 is full, a 0 empty
        const side = Math.min(8, cells / SHOWN - 2), x = LEFT + ((t + SHOWN - count + 0.5) * cells) / SHOWN - side / 2;
        if (bits[first + t]) pen.fillRect(x, 4, side, side);
        else pen.strokeRect(x + 0.5, 4.5, side - 1, side - 1);
      }
      const bars = width - BARS, longest = Math.max(2, ...now.tau);
      order.forEach((one, row) => {
        pen.fillStyle = dead.has(one) ? killed : living;
        if (dead.has(one)) pen.fillRect(LEFT, TOP + ROW * row + 1.5, cells, 1);
        pen.fillRect(bars, TOP + ROW * row + 0.5, (now.tau[one] / longest) * (BARS - 2), ROW - 1);
      });
      const row = unit.input.value - 1, y = TOP + ROW * (row + 0.5);
      pen.fillStyle = ink;
      pen.fill(new Path2D(`M${LEFT - 2} ${y}l-8-5v10z`));
      pen.strokeRect(bars - 0.5, y - ROW / 2 - 1, BARS - 1, ROW + 2);
      pen.font = `12px ${style.fontFamily}`;
      pen.fillText(`the last ${SHOWN} bits →  (dark 0, bright ${brightest.toFixed(1)})`, LEFT, height - 5);
      pen.fillText(`τ, to ${longest.toFixed(1)} bits`, bars, height - 5);
    }

    let test = null, idle = 0;
    function show() {
      waiting = 0;
      const strength = Number(push.input.value), factor = Number(stretch.input.value);
      const now = harmed(network, { dead, push: strength, direction, stretch: factor });
      const states = run(now, bits), expected = parities(spans, bits, bits.length);
      paint(now, states); // first: it asks for sizes, which texts would make the browser find anew
      answers(now, states, bits.length * units).forEach((odd, head) => {
        const [, said, mark] = rows[head], known = expected[head] !== null;
        const right = (odd > 0.5) === (expected[head] === 1);
        said.textContent = known ? odd.toFixed(2) : "–";
        mark.textContent = known ? (right ? "✓ right" : "✗ wrong") : "";
        mark.className = right ? "right" : "wrong";
      });
      const alive = !dead.has(chosen());
      tell(push, `${strength.toFixed(2)} ‖W‖`);
      tell(stretch, `× ${factor.toFixed(2)}`);
      tell(unit, `${unit.input.value}, τ ${now.tau[chosen()].toFixed(2)}`, alive ? ", alive" : ", dead");
      switched.textContent = alive ? "kill this one" : "revive this one";
      test = tested(now, testBits);
      idle ||= later(examine);
    }

    // The share of right answers along random bits, a few milliseconds at a time.
    const later = window.requestIdleCallback ?? ((work) => setTimeout(work, 16));
    function examine() {
      const end = performance.now() + SLICE;
      let found, last = null;
      while (!(found = test.next()).done && performance.now() < end) last = found.value;
      const { right, asked } = found.value ?? last ?? { asked: 0 };
      if (asked >= ASKED / 10) right.forEach((count, head) => {
        rows[head][3].textContent = percent(count / asked);
        rows[head][3].style.setProperty("--share", Math.max(0, 2 * (count / asked) - 1));
      });
      idle = found.done ? 0 : later(examine);
      const ends = [...new Set([0, spans.length - 1])];
      if (found.done) status.textContent = `${dead.size} of ${units} neurons dead. Right on random bits: ` +
        ends.map((head) => `${rows[head][3].textContent} at span ${spans[head]}`).join(", ") + ".";
    }

    // The chosen network, whole, in place of the one before.
    function use() {
      network = networks[which.value];
      spans = network.spans;
      order = [...network.tau.keys()].sort((a, b) => network.tau[b] - network.tau[a] || b - a); // slowest first
      brightest = run(network, [...given].map(Number)).reduce((most, value) => Math.max(most, value), 0);
      dead.clear();
      rows = spans.map((span) => [head("row", span), ...[1, 2, 3].map(() => element("td", {}))]);
      body.replaceChildren(...rows.map((cells) => element("tr", {}, ...cells)));
    }

    function refresh() {
      waiting ||= requestAnimationFrame(show);
    }

    use();
    write(bits);
    plot.style.height = "auto";
    plot.append(canvas);
    frame.before(controls);
    frame.append(table);
    frame.after(status);
    show();
    return refresh;
  }

  (window.brainlibPrograms ??= {})["live_network.js"] = Object.assign(mount, { read, harmed, run, answers, tested });
})();
