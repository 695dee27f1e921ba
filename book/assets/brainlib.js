// Draws the figures that brainlib.explore wrote into a page, and redraws them when a control or the theme changes.
"use strict";

(() => {
  const assets = new URL(".", document.currentScript.src);
  const config = { displayModeBar: false, displaylogo: false };
  const touch = matchMedia("(pointer: coarse)").matches;
  const loads = {};

  function load(file) {
    loads[file] ??= new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = new URL(file, assets);
      script.onload = resolve;
      script.onerror = () => reject(new Error(`${file} did not load`));
      document.head.append(script);
    });
    return loads[file];
  }

  // A state of the figure, its pointers into the pool followed.
  function restored(part, pool) {
    if (typeof part !== "object" || part === null) return part;
    if ("$" in part) return restored(pool[part.$], pool);
    if (Array.isArray(part)) return part.map((item) => restored(item, pool));
    return Object.fromEntries(Object.entries(part).map(([key, item]) => [key, restored(item, pool)]));
  }

  // The template in the page's font and in the colours that the stylesheet gives the present theme.
  function dressed(template, figure, narrow) {
    const style = getComputedStyle(figure);
    const color = (name) => style.getPropertyValue(name).trim();
    const ink = color("--brainlib-ink"), grid = color("--brainlib-grid"), card = color("--brainlib-card");
    const { layout } = template;
    const axis = { gridcolor: grid, linecolor: ink, tickcolor: ink, zerolinecolor: grid };
    const size = narrow ? 12 : layout.font.size, title = { ...layout.xaxis.title, font: { size } };
    return {
      ...template,
      layout: {
        ...layout,
        font: { ...layout.font, color: ink, family: style.fontFamily, size },
        hoverlabel: { ...layout.hoverlabel, bgcolor: card, bordercolor: grid, font: { color: ink } },
        xaxis: { ...layout.xaxis, ...axis, title },
        yaxis: { ...layout.yaxis, ...axis, title },
      },
    };
  }

  // On a phone, panels that stand side by side stand one below the other, long lines are broken, and a long legend has
  // room of its own. Returns the height in pixels.
  const NARROW = 480, PANEL = 220, GAP = 84, LINE = 20, CHARACTERS = 42;

  function narrowed(traces, layout, height) {
    for (const trace of traces) if (trace.name) trace.name = wrapped(trace.name);
    let extra = 0;
    if (layout.title?.text) {
      const lines = (text) => text.split("<br>").length;
      const text = wrapped(layout.title.text);
      extra = LINE * (lines(text) - lines(layout.title.text));
      layout.title = { ...layout.title, text };
      if (extra) layout.margin = { ...layout.margin, t: (layout.margin?.t ?? 24) + extra };
    }
    const named = traces.filter((trace) => trace.name && trace.showlegend !== false);
    const entries = layout.showlegend === false ? 0 : new Set(named.map((trace) => trace.legendgroup || trace.name)).size;
    extra += LINE * Math.max(0, entries - 2);
    for (const [key, axis] of Object.entries(layout)) {
      if (/^[xy]axis/.test(key) && axis.title?.text) axis.title = { ...axis.title, text: wrapped(axis.title.text) };
    }
    const panels = panelsOf(traces, layout);
    const notes = (layout.annotations ?? []).filter((note) => note.xref === "paper" && note.yref === "paper");
    const beside = notes.filter((note) => note.textangle === 90); // titles of rows
    const above = notes.filter((note) => note.yanchor === "bottom" && !note.textangle); // of panels, or of columns
    if (!beside.length && panels.every(({ x }) => x.domain[1] - x.domain[0] > 0.75)) return height + extra;
    const area = panels.length * PANEL + (panels.length - 1) * GAP;
    const titles = panels.map((panel, k) => {
      const top = 1 - (k * (PANEL + GAP)) / area;
      panel.to = [top - PANEL / area, top];
      const [left, right] = panel.x.domain, [low, high] = panel.y.domain;
      const over = above.filter(({ x, y }) => left <= x && x <= right && y > high - 0.02).sort((a, b) => a.y - b.y);
      const next = beside.find(({ y }) => low <= y && y <= high);
      const text = wrapped([over[0], next].filter(Boolean).map((note) => note.text).join(", "));
      return { text, x: 0.5, y: top, xref: "paper", yref: "paper", xanchor: "center", yanchor: "bottom", showarrow: false, font: { size: 13 } };
    });
    layout.annotations = (layout.annotations ?? []).filter((note) => !beside.includes(note) && !above.includes(note));
    layout.annotations.push(...titles.filter(({ text }) => text));
    const room = 12 + LINE * titles[0].text.split("<br>").length;
    if (titles[0].text) layout.margin = { ...layout.margin, t: Math.max(layout.margin?.t ?? 24, room) };
    for (const { x, y, to, traces } of panels) {
      Object.assign(x, { domain: [0, 1], showticklabels: true });
      Object.assign(y, { domain: to, showticklabels: true });
      for (const { colorbar } of traces) {
        if (colorbar) Object.assign(colorbar, { x: 1.02, y: (to[0] + to[1]) / 2, len: to[1] - to[0] });
      }
    }
    const below = layout.legend?.y < 0;
    const place = below ? { y: -64 / area, yanchor: "top" } : { y: 1 + 36 / area, yanchor: "bottom" };
    layout.legend = { ...layout.legend, orientation: "h", x: 0, xanchor: "left", ...place };
    return area + 140 + extra;
  }

  // Lines of at most so many characters.
  function wrapped(text) {
    const lines = text.split("<br>").map((line) => line.split(" ").reduce((done, word) => {
      const last = done.at(-1);
      if (last === undefined || last.length + word.length >= CHARACTERS) return [...done, word];
      return [...done.slice(0, -1), `${last} ${word}`];
    }, []));
    return lines.flat().join("<br>");
  }

  // Pairs of axes with the traces between them, row by row, without empty places.
  function panelsOf(traces, layout) {
    const found = [];
    for (const [key, y] of Object.entries(layout)) {
      if (!key.startsWith("yaxis") || y.overlaying) continue;
      const across = y.anchor ?? "x", up = key.replace("axis", "");
      const x = layout[across.replace("x", "xaxis")];
      if (!x?.domain || !y.domain) continue;
      const own = traces.filter((trace) => (trace.xaxis ?? "x") === across && (trace.yaxis ?? "y") === up);
      if (own.length) found.push({ x, y, traces: own });
    }
    return found.sort((a, b) => b.y.domain[1] - a.y.domain[1] || a.x.domain[0] - b.x.domain[0]);
  }

  async function mount(figure) {
    const data = JSON.parse(figure.querySelector('script[type="application/json"]').textContent);
    const plot = figure.querySelector(".brainlib-plot");
    const controls = [...figure.querySelectorAll(".brainlib-controls input, .brainlib-controls select")];
    if (figure.dataset.program) return run(figure, plot, data);
    await load("plotly.min.js");
    const { Plotly } = window;

    const simulate = window.brainlibSimulations?.[figure.id];
    const height = parseFloat(plot.style.height); // a figure that is folded away has no other
    const isNarrow = () => plot.offsetWidth > 0 && plot.offsetWidth < NARROW;
    let narrow = isNarrow();

    function draw() {
      const places = controls.map((control) => Number(control.value));
      const place = simulate ? 0 : places.reduce((sum, at, k) => sum * data.values[k].length + at, 0);
      const { data: traces, layout } = restored(data.states[place], data.pool);
      if (simulate) {
        const series = simulate(Object.fromEntries(places.map((at, k) => [data.names[k], data.numbers[k][at]])));
        for (const trace of traces) if (trace.meta in series) trace.y = series[trace.meta];
      }
      for (const trace of traces) if (trace.type === "scattergl") trace.type = "scatter"; // few contexts of WebGL, none in print
      clear(figure, plot);
      narrow = isNarrow();
      plot.style.height = `${narrow ? narrowed(traces, layout, height) : height}px`;
      layout.template = dressed(data.template, figure, narrow);
      layout.uirevision = "kept"; // a reader's zoom outlives a change
      layout.dragmode ??= touch ? false : "zoom"; // on a phone a finger on the figure scrolls the page
      layout.autosize = true;
      return Plotly.react(plot, traces, layout, config);
    }

    let waiting = 0;
    function redraw() {
      cancelAnimationFrame(waiting);
      waiting = requestAnimationFrame(draw);
    }

    controls.forEach((control, k) => {
      const say = () => {
        const text = data.values[k][control.value];
        const output = control.parentElement.querySelector("output");
        if (output) output.textContent = text;
        if (control.type === "range") control.setAttribute("aria-valuetext", text);
      };
      control.addEventListener("input", () => { say(); redraw(); });
      say();
    });

    await draw();
    figure.classList.add("drawn"); // until then the description shows
    new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
    new ResizeObserver(() => {
      if (!plot.offsetWidth) return;
      if (isNarrow() === narrow) Plotly.Plots.resize(plot);
      else redraw();
    }).observe(plot);
  }

  // Away with the picture, whose place has its own height.
  function clear(figure, plot) {
    if ("still" in figure.dataset) figure.dataset.still = "gone";
    plot.querySelector(":scope > svg")?.remove();
  }

  // A figure that a program of its own draws: it is given the figure's bytes, and gives what draws the figure anew.
  async function run(figure, plot, data) {
    const { program } = figure.dataset;
    await load(program);
    clear(figure, plot);
    const redraw = window.brainlibPrograms[program](figure, Uint8Array.from(atob(data.program), (c) => c.charCodeAt(0)).buffer);
    figure.classList.add("drawn");
    new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
    new ResizeObserver(redraw).observe(plot);
  }

  async function mounted(figure) {
    try {
      await mount(figure);
    } catch (error) {
      figure.classList.add("failed");
      console.error(`figure ${figure.id}:`, error);
    }
  }

  // A figure is drawn when a reader comes near it: with a picture in its place when it is touched, for plotly is large;
  // without one, where the page is too narrow for the picture, or if it needs no plotly, when it comes into view.
  const TOUCHES = ["pointerenter", "pointerdown", "focusin"];

  function waitFor(figure) {
    const start = () => {
      seen.disconnect();
      for (const touch of TOUCHES) figure.removeEventListener(touch, start);
      mounted(figure);
    };
    const seen = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) start();
    }, { rootMargin: "200px" });
    const plot = figure.querySelector(".brainlib-plot");
    for (const touch of TOUCHES) figure.addEventListener(touch, start);
    if (!("still" in figure.dataset) || figure.dataset.program || plot.offsetWidth < NARROW) seen.observe(figure);
  }

  function mountAll() {
    document.querySelectorAll("figure.brainlib").forEach(waitFor);
  }

  // Claims: a link to one unfolds it, buttons show those of one verdict.
  function unfold() {
    const claim = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (claim && claim.matches("details.claim")) {
      claim.open = true;
      claim.scrollIntoView();
    }
  }

  function filterClaims() {
    const group = document.querySelector(".claim-filters");
    if (!group) return;
    group.hidden = false;
    const buttons = [...group.querySelectorAll("button")];
    group.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
      const shown = buttons.filter((b) => b.getAttribute("aria-pressed") === "true").map((b) => b.dataset.outcome);
      for (const claim of document.querySelectorAll("details.claim")) {
        claim.hidden = shown.length > 0 && !shown.includes(claim.dataset.outcome);
      }
      for (const section of document.querySelectorAll("section.claims")) {
        section.hidden = !section.querySelector("details.claim:not([hidden])");
      }
    });
  }

  // A formula that is wider than the page is scrolled, by keyboard too.
  function scrollFormulas() {
    for (const formula of document.querySelectorAll("div.math")) {
      if (formula.scrollWidth > formula.clientWidth) formula.tabIndex = 0;
    }
  }

  // Solutions are open on paper.
  function printSolutions() {
    const closed = [...document.querySelectorAll("details.sd-dropdown:not([open])")];
    for (const solution of closed) solution.open = true;
    const close = () => { for (const solution of closed) solution.open = false; };
    window.addEventListener("afterprint", close, { once: true });
  }

  window.addEventListener("beforeprint", printSolutions);
  window.addEventListener("hashchange", unfold);
  window.addEventListener("resize", scrollFormulas);
  const begin = () => { filterClaims(); unfold(); scrollFormulas(); };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", mountAll);
  else mountAll();
})();
