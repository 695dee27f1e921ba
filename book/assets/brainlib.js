// Draws the figures that brainlib.explore wrote into a page, and redraws them when a control or the theme changes.
"use strict";

(() => {
  const assets = new URL(".", document.currentScript.src);
  const config = { displayModeBar: false, displaylogo: false };
  const touch = matchMedia("(pointer: coarse)").matches;
  let plotly = null;

  function loadPlotly() {
    plotly ??= new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = new URL("plotly.min.js", assets);
      script.onload = () => resolve(window.Plotly);
      script.onerror = () => reject(new Error("plotly.min.js did not load"));
      document.head.append(script);
    });
    return plotly;
  }

  const isTree = (part) => typeof part === "object" && part !== null;

  // A state of the figure: what all states share with the state's own part laid over it, pointers to the pool followed.
  function merge(shared, own, pool) {
    const part = own === undefined ? shared : own;
    if (!isTree(part)) return part;
    if ("$" in part) return pool[part.$];
    if (Array.isArray(part)) {
      if (!part.some(isTree)) return part;
      return part.map((item, index) => merge(own === undefined ? item : shared?.[index], own?.[index], pool));
    }
    const keys = new Set([...Object.keys(shared ?? {}), ...Object.keys(own ?? {})]);
    return Object.fromEntries([...keys].map((key) => [key, merge(shared?.[key], own?.[key], pool)]));
  }

  // The template in the page's font and in the colours that the stylesheet gives the present theme.
  function dressed(template, figure) {
    const style = getComputedStyle(figure);
    const color = (name) => style.getPropertyValue(name).trim();
    const ink = color("--brainlib-ink"), grid = color("--brainlib-grid"), card = color("--brainlib-card");
    const { layout } = template;
    const axis = { gridcolor: grid, linecolor: ink, tickcolor: ink, zerolinecolor: grid };
    return {
      ...template,
      layout: {
        ...layout,
        font: { ...layout.font, color: ink, family: style.fontFamily },
        hoverlabel: { ...layout.hoverlabel, bgcolor: card, bordercolor: grid, font: { color: ink } },
        xaxis: { ...layout.xaxis, ...axis },
        yaxis: { ...layout.yaxis, ...axis },
      },
    };
  }

  async function mount(figure) {
    const data = JSON.parse(figure.querySelector('script[type="application/json"]').textContent);
    const plot = figure.querySelector(".brainlib-plot");
    const controls = [...figure.querySelectorAll(".brainlib-controls input, .brainlib-controls select")];
    const Plotly = await loadPlotly();

    const simulate = window.brainlibSimulations?.[figure.id];

    function draw() {
      const places = controls.map((control) => Number(control.value));
      const place = simulate ? 0 : places.reduce((sum, at, k) => sum * data.values[k].length + at, 0);
      const { data: traces, layout } = merge(data.shared, data.states[place], data.pool);
      if (simulate) {
        const series = simulate(Object.fromEntries(places.map((at, k) => [data.names[k], data.numbers[k][at]])));
        for (const trace of traces) if (trace.meta in series) trace.y = series[trace.meta];
      }
      layout.template = dressed(data.template, figure);
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
    new ResizeObserver(() => plot.offsetWidth && Plotly.Plots.resize(plot)).observe(plot);
  }

  async function mountAll() {
    for (const figure of document.querySelectorAll("figure.brainlib")) {
      try {
        await mount(figure);
      } catch (error) {
        figure.classList.add("failed");
        console.error(`figure ${figure.id}:`, error);
      }
    }
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", mountAll);
  else mountAll();
})();
