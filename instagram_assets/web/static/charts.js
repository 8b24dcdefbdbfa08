"use strict";
/* Draws charts with ECharts: <figure class="chart"><script type="application/json">…</script><div class="drawing">.

   What stands in the script is made by web/shown_numbers.py: the rows of the chart, which columns are x, y, series and
   size (see insights/charts.py), words for axes and values, and for each row the address of its posts, which a click
   on what is drawn for it opens. Colours are those of the stylesheet; a change of the theme draws anew.
*/
const language = document.documentElement.lang;
const whole = new Intl.NumberFormat(language, { maximumFractionDigits: 0 });
const digits = new Intl.NumberFormat(language, { maximumSignificantDigits: 3 });
const compact = new Intl.NumberFormat(language, { notation: "compact", maximumFractionDigits: 1 });
const percents = new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 1 });
const days = new Intl.DateTimeFormat(language, { dateStyle: "medium" });
const moments = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
const isCalm = matchMedia("(prefers-reduced-motion: reduce)");
const drawings = new Map();

/* A colour of the stylesheet as the theme has it now. */
function colour(name) {
  const probe = document.createElement("span");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

function coloursNow() {
  const named = Object.fromEntries(["ink", "muted", "line", "card", "edge", "accent"].map(name => [name, colour(name)]));
  return { ...named, low: colour("chart-low"), series: [1, 2, 3, 4, 5, 6, 7, 8].map(number => colour(`chart-${number}`)) };
}

/* The numbers of a figure, by the names of their columns, and how they are said. */
class Numbers {
  constructor(told) {
    Object.assign(this, told);
    this.records = told.rows.map((row, index) => ({ index, ...Object.fromEntries(told.columns.map((name, place) => [name, row[place]])) }));
  }

  says(column, value) {
    if (value === null || value === undefined) return column === this.series ? this.all : "–";
    if (this.values[column]) return this.values[column][value] ?? String(value);
    if (this.percent.includes(column)) return percents.format(value);
    if (typeof value === "number") return Number.isInteger(value) ? whole.format(value) : digits.format(value);
    if (/^\d{4}-\d\d-\d\dT/.test(value)) return moments.format(new Date(value));
    if (/^\d{4}-\d\d-\d\d$/.test(value)) return days.format(new Date(`${value}T00:00`));
    return String(value);
  }

  onAxis(column) {
    return value => this.percent.includes(column) ? percents.format(value) : compact.format(value);
  }

  /* All that is known of a row, a line for each column. */
  tells(record) {
    return this.columns.map(name => `${this.labels[name]}: ${this.says(name, record[name])}`).join("\n");
  }

  /* The values of a column in the order in which they come. */
  distinct(column) {
    return [...new Set(this.records.map(record => record[column]))];
  }

  of(value) {
    return this.records.filter(record => record[this.series] === value);
  }
}

function shared(numbers, colours) {
  return {
    animation: !isCalm.matches, animationDuration: 300, color: colours.series, backgroundColor: "transparent",
    textStyle: { color: colours.ink, fontFamily: getComputedStyle(document.body).fontFamily },
    // As text that is drawn: the page's policy lets no element bring styles along.
    tooltip: {
      renderMode: "richText", confine: true, backgroundColor: colours.card, borderColor: colours.edge,
      textStyle: { color: colours.ink, fontSize: 13 },
      formatter: point => point.data?.record ? numbers.tells(point.data.record) : "",
    },
  };
}

function axis(colours, more = {}) {
  return {
    axisLine: { lineStyle: { color: colours.line } }, axisTick: { show: false },
    axisLabel: { color: colours.muted, fontSize: 12, ...more.axisLabel },
    splitLine: { lineStyle: { color: colours.line } }, nameTextStyle: { color: colours.muted, fontSize: 12 },
    ...Object.fromEntries(Object.entries(more).filter(([name]) => name !== "axisLabel")),
  };
}

function legend(colours, names, width) {
  return { show: names.length > 1, type: "scroll", bottom: 0, left: 0, width: width - 8, data: names, icon: "roundRect", itemWidth: 12, itemHeight: 8, textStyle: { color: colours.ink, fontSize: 12 }, pageTextStyle: { color: colours.muted }, pageIconColor: colours.accent, pageIconInactiveColor: colours.line };
}

const shorten = (text, most) => text.length > most ? `${text.slice(0, most - 1)}…` : text;

/* A bar for each x, the first on top; with series one picture beside the other for each value of it. */
function bar(numbers, colours, width) {
  const groups = numbers.series ? numbers.distinct(numbers.series) : [undefined];
  const across = Math.max(1, Math.min(groups.length, Math.floor(width / 300)));
  const shown = group => group === undefined ? numbers.records : numbers.of(group);
  const most = Math.max(...groups.map(group => shown(group).length));
  const tall = most * 22 + 8, head = numbers.series ? 28 : 4, each = head + tall + 14;
  const wide = width / across;
  const longest = Math.min(numbers.series ? 90 : 130, 12 + 12 * Math.max(...numbers.records.map(record => numbers.says(numbers.x, record[numbers.x]).length)));
  const place = index => ({ left: (index % across) * wide, top: Math.floor(index / across) * each });
  return {
    height: Math.ceil(groups.length / across) * each,
    option: {
      title: numbers.series ? groups.map((group, index) => ({ text: shorten(numbers.says(numbers.series, group), Math.floor(wide / 9)), left: place(index).left, top: place(index).top, textStyle: { color: colours.ink, fontSize: 13, fontWeight: 600 } })) : [],
      grid: groups.map((_, index) => ({ left: place(index).left + longest, top: place(index).top + head, width: wide - longest - 64, height: tall })),
      xAxis: groups.map((_, index) => ({ gridIndex: index, type: "value", show: false, min: 0 })),
      yAxis: groups.map((group, index) => axis(colours, {
        gridIndex: index, type: "category", inverse: true, axisLine: { show: false }, data: shown(group).map(record => numbers.says(numbers.x, record[numbers.x])),
        axisLabel: { color: colours.ink, width: longest - 8, overflow: "truncate", interval: 0 },
      })),
      series: groups.map((group, index) => ({
        type: "bar", xAxisIndex: index, yAxisIndex: index, barWidth: 14, cursor: "pointer", itemStyle: { color: colours.series[0], borderRadius: [0, 3, 3, 0] }, emphasis: { itemStyle: { color: colours.accent } },
        label: { show: true, position: "right", color: colours.muted, fontSize: 12, formatter: point => numbers.says(numbers.y, point.data.record[numbers.y]) },
        data: shown(group).map(record => ({ value: record[numbers.y], record })),
      })),
    },
  };
}

const KINDS = { bar };

function draw(figure) {
  const place = figure.querySelector(".drawing");
  const numbers = new Numbers(JSON.parse(figure.querySelector("script").textContent));
  const width = place.clientWidth;
  if (!width) return;
  const colours = coloursNow();
  const { option, height } = KINDS[figure.dataset.kind](numbers, colours, width);
  place.style.height = `${Math.round(height)}px`;
  let chart = echarts.getInstanceByDom(place);
  if (!chart) {
    chart = echarts.init(place, null, { renderer: "canvas" });
    chart.on("click", point => opens(numbers.links[point.data?.record?.index], point.event?.event));
    drawings.set(figure, chart);
    widths.observe(place);
  }
  chart.resize({ width, height: Math.round(height), silent: true });
  chart.setOption({ ...shared(numbers, colours), ...option }, { notMerge: true });
  figure.dataset.drawn = document.documentElement.dataset.theme;
}

function opens(link, event) {
  if (!link) return;
  if (event?.ctrlKey || event?.metaKey) window.open(link, "_blank", "noopener");
  else location.href = link;
}

function drawAll() {
  for (const [figure, chart] of drawings) {
    if (figure.isConnected) { draw(figure); continue; }
    chart.dispose();
    drawings.delete(figure);
  }
}

const drawnWidths = new WeakMap();
const widths = new ResizeObserver(entries => {
  for (const { target } of entries) {
    if (drawnWidths.get(target) === target.clientWidth) continue;
    const isNew = !drawnWidths.has(target);
    drawnWidths.set(target, target.clientWidth);
    if (!isNew && target.isConnected) requestAnimationFrame(() => draw(target.closest("figure")));
  }
});

function findAll(root) {
  for (const figure of root.querySelectorAll("figure.chart")) draw(figure);
}

document.addEventListener("htmx:load", event => { drawAll(); findAll(event.detail.elt); });
new MutationObserver(drawAll).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
