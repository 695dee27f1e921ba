// The checks of `page_checks.py` that look at a page alone. It is loaded before the page's own scripts.

window.checks = (() => {
  const LAYERS = ".mlayer, .polarlayer, .pielayer, .shapelayer, .annotation"; // of plotly's drawing
  const PARTS = "path, image, rect, text";
  const all = (root, selector) => [...root.querySelectorAll(selector)];

  /** Brings every figure into view, as far as it knows. */
  const touch = () =>
    all(document, "figure.brainlib").forEach((figure) => figure.dispatchEvent(new PointerEvent("pointerenter")));

  const ready = () => !document.querySelector("figure.brainlib:not(.drawn, .failed)");

  /** Resolves when the page has been painted. */
  const painted = () => new Promise((seen) => requestAnimationFrame(() => requestAnimationFrame(seen)));

  /** Figures without a drawing surface or without a single drawn trace. */
  const blank = () => {
    const size = (part) => {
      const box = part.getBoundingClientRect();
      return [box.width, box.height];
    };
    const isBlank = (figure) => {
      const surface = all(figure, "svg.main-svg, canvas").some((part) => Math.min(...size(part)) > 20);
      const traces = all(figure, `${LAYERS}, canvas`).flatMap((part) =>
        part.tagName === "CANVAS" ? [part] : all(part, PARTS),
      );
      return !surface || !traces.some((part) => Math.max(...size(part)) > 0);
    };
    const figures = all(document, "figure.brainlib, .js-plotly-plot").filter(isBlank);
    return figures.map((figure) => `blank figure: ${figure.id || figure.className}`);
  };

  /** All that a figure draws, as text. */
  const drawn = (figure) => {
    const names = ["d", "href", "transform", "x", "y", "width", "height", "style"];
    const parts = all(figure, LAYERS).flatMap((layer) =>
      all(layer, PARTS).map((part) => [part.textContent, ...names.map((name) => part.getAttribute(name))]),
    );
    return JSON.stringify(parts.concat(all(figure, "canvas").map((part) => part.toDataURL())));
  };

  /** Pictures without alternative text. */
  const withoutText = () => {
    const text = (picture) =>
      picture.alt ||
      picture.ariaLabel ||
      picture.getAttribute("aria-labelledby") ||
      picture.querySelector?.("title")?.textContent;
    const pictures = all(document, "img, [role=img]:not([aria-hidden=true])");
    const bare = pictures.filter((picture) => !text(picture)?.trim());
    return bare.map((picture) => `picture without text: ${picture.outerHTML.slice(0, 120)}`);
  };

  /** Series that a page computes otherwise than brainlib did when the page was made, both at the start. */
  const differing = () =>
    all(document, "figure.brainlib").flatMap((figure) => {
      const simulate = window.brainlibSimulations?.[figure.id];
      if (!simulate) return [];
      const data = JSON.parse(figure.querySelector('script[type="application/json"]').textContent);
      const controls = all(figure, ".brainlib-controls input, .brainlib-controls select");
      const start = controls.map((control, k) => [data.names[k], data.numbers[k][control.value]]);
      const series = simulate(Object.fromEntries(start));
      const alike = (trace) => {
        const computed = Array.from(series[trace.meta] ?? []);
        const size = Math.max(...trace.y.map(Math.abs), 1e-9);
        const same = (y, k) =>
          y === null || computed[k] === null ? y === computed[k] : Math.abs(y - computed[k]) <= 1e-3 * size;
        return computed.length === trace.y.length && trace.y.every(same);
      };
      const computed = data.states[0].data.filter((trace) => "meta" in trace);
      return computed.filter((trace) => !alike(trace)).map((trace) => `differs from brainlib: ${figure.id} ${trace.meta}`);
    });

  /** Titles, notes and legends of figures that lie over one another or do not fit. */
  const crowded = () =>
    all(document, "figure.brainlib").flatMap((figure) => {
      const frame = figure.querySelector(".brainlib-plot").getBoundingClientRect();
      const titles = "g[class^=g-x] text, g[class^=g-y] text, .annotation text, .legendtext";
      const texts = all(figure, titles).filter((text) => text.textContent.trim());
      const boxes = texts.map((text) => [text.textContent, text.getBoundingClientRect()]);
      const across = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const along = (a, b) => Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      const fits = (box) => across(box, frame) >= box.width - 2 && along(box, frame) >= box.height - 2;
      return boxes.flatMap(([text, box], k) => [
        ...(fits(box) ? [] : [`cut off: ${text} (${figure.id})`]),
        ...boxes
          .slice(k + 1)
          .filter(([, other]) => Math.min(across(box, other), along(box, other)) > 3)
          .map(([other]) => `overlap: ${text} and ${other} (${figure.id})`),
      ]);
    });

  /** Takes out what no rule of axe looks at, and repetitions: it takes time for every element. */
  const strip = () => {
    for (const plot of all(document, ".brainlib-plot")) plot.replaceWith(plot.cloneNode());
    const seen = new Set();
    for (const word of all(document, ".highlight pre span")) {
      const kind = `${word.closest("[class*=highlight-]")?.parentElement.className} ${word.className}`;
      if (!word.children.length && seen.has(kind)) word.replaceWith(...word.childNodes);
      seen.add(kind);
    }
    document.head.insertAdjacentHTML("beforeend", "<style>* { transition: none !important }</style>");
  };

  /** Live widgets, which a page without a kernel cannot move. */
  const widgets = () => {
    const found = all(document, ".jupyter-widgets, script[type='application/vnd.jupyter.widget-view+json']");
    return found.map(() => "live widget in a static page");
  };

  /** A page that scrolls sideways. */
  const tooWide = () => {
    const width = document.documentElement.scrollWidth;
    return width > innerWidth ? [`too wide: ${width} px in a window of ${innerWidth}`] : [];
  };

  return { touch, ready, painted, blank, drawn, withoutText, differing, crowded, strip, widgets, tooWide };
})();
