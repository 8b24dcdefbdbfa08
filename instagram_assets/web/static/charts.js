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
const pen = document.createElement("canvas").getContext("2d");

/* How wide a text of the drawing is, in pixels. */
function widthOf(text, size = 12) {
  pen.font = `${size}px ${getComputedStyle(document.body).fontFamily}`;
  return pen.measureText(text).width;
}

/* A text in at most two lines of a width, cut where it needs more. */
function wrapped(text, width) {
  if (widthOf(text) <= width) return text;
  const fits = (from, most) => { let end = from.length; while (end > 1 && widthOf(from.slice(0, end)) > most) end -= 1; return end; };
  const end = fits(text, width), space = text.lastIndexOf(" ", end);
  const first = text.slice(0, space > end / 2 ? space : end), rest = text.slice(first.length).trim();
  return `${first}\n${widthOf(rest) <= width ? rest : `${rest.slice(0, fits(rest, width - widthOf("…")))}…`}`;
}

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
    if (this.times.includes(column)) return `×${digits.format(value)}`;
    if (column === "hour") return `${String(value).padStart(2, "0")}:00`;
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
      formatter: point => point.data?.tells ?? (point.data?.record ? numbers.tells(point.data.record) : ""),
    },
  };
}

/* A colour for what few posts say; its label stays as it is. */
const faded = found => found.replace(/^rgb\((.*)\)$/, "rgba($1, 0.35)");

function axis(colours, more = {}) {
  return {
    axisLine: { lineStyle: { color: colours.line } }, axisTick: { show: false },
    axisLabel: { color: colours.muted, fontSize: 12, ...more.axisLabel },
    splitLine: { lineStyle: { color: colours.line } }, nameTextStyle: { color: colours.muted, fontSize: 12 },
    ...Object.fromEntries(Object.entries(more).filter(([name]) => name !== "axisLabel")),
  };
}

/* A legend below a drawing, in as many rows as its names need, and how high it is. */
function legend(colours, names, width, isShown) {
  if (!isShown) return { height: 0, option: { show: false } };
  let rows = 1, used = 0;
  for (const name of names) {
    const wide = 12 + 5 + widthOf(name) + 14;
    if (used && used + wide > width - 16) { rows += 1; used = 0; }
    used += wide;
  }
  const isLong = rows > 6;
  return {
    height: (isLong ? 1 : rows) * 22 + 10,
    option: { show: true, type: isLong ? "scroll" : "plain", bottom: 0, left: 0, width: width - 8, data: names, icon: "roundRect", itemWidth: 12, itemHeight: 8, itemGap: 9, textStyle: { color: colours.ink, fontSize: 12 }, pageTextStyle: { color: colours.muted }, pageIconColor: colours.accent, pageIconInactiveColor: colours.line },
  };
}

const shorten = (text, most) => text.length > most ? `${text.slice(0, most - 1)}…` : text;

/* A bar for each x, the first on top; with series one picture beside the other for each value of it. */
function bar(numbers, colours, width) {
  const groups = numbers.series ? numbers.distinct(numbers.series) : [undefined];
  const across = Math.max(1, Math.min(groups.length, Math.floor(width / 300)));
  // What is in no group would dwarf the groups; and what has no number has no bar: the table has both.
  const known = numbers.records.filter(record => !record.noise && record[numbers.y] !== null);
  const all = known.length ? known : numbers.records;
  const shown = group => group === undefined ? all : all.filter(record => record[numbers.series] === group);
  const most = Math.max(...groups.map(group => shown(group).length));
  const wide = width / across;
  const needed = 12 + Math.max(...all.map(record => widthOf(numbers.says(numbers.x, record[numbers.x]))));
  // Sentences stand above their bars, words beside them.
  const isAbove = needed > wide * 0.45;
  const longest = isAbove ? 0 : needed;
  const text = record => wrapped(numbers.says(numbers.x, record[numbers.x]), isAbove ? wide - 24 : longest - 10);
  const isTall = isAbove && all.some(record => text(record).includes("\n"));
  const tall = most * (isTall ? 64 : isAbove ? 46 : 22) + 8, head = numbers.series ? (isAbove ? 36 : 28) : isAbove ? 12 : 4, each = head + tall + 14;
  const place = index => ({ left: (index % across) * wide, top: Math.floor(index / across) * each });
  return {
    height: Math.ceil(groups.length / across) * each,
    option: {
      title: numbers.series ? groups.map((group, index) => ({ text: shorten(numbers.says(numbers.series, group), Math.floor(wide / 9)), left: place(index).left, top: place(index).top, textStyle: { color: colours.ink, fontSize: 13, fontWeight: 600 } })) : [],
      grid: groups.map((_, index) => ({ left: place(index).left + longest, top: place(index).top + head, width: wide - longest - 64, height: tall })),
      // Shares of a whole can be compared from picture to picture; counts of large and small accounts cannot.
      xAxis: groups.map((_, index) => ({ gridIndex: index, type: "value", show: false, min: 0, max: numbers.series && numbers.percent.includes(numbers.y) ? 1 : undefined })),
      yAxis: groups.map((group, index) => axis(colours, {
        gridIndex: index, type: "category", inverse: true, axisLine: { show: false }, data: shown(group).map(text),
        axisLabel: { show: !isAbove, color: colours.ink, interval: 0 },
      })),
      series: groups.flatMap((group, index) => [...(isAbove ? [{
        type: "bar", xAxisIndex: index, yAxisIndex: index, barWidth: 14, barGap: "-100%", silent: true, data: shown(group).map(record => ({ value: 0, record })),
        label: { show: true, position: [0, -4], align: "left", verticalAlign: "bottom", color: colours.ink, fontSize: 12, lineHeight: 16, formatter: point => text(point.data.record) },
      }] : []), {
        type: "bar", xAxisIndex: index, yAxisIndex: index, barWidth: 14, barGap: "-100%", cursor: "pointer", itemStyle: { color: colours.series[0], borderRadius: [0, 3, 3, 0] }, emphasis: { itemStyle: { color: colours.accent } },
        label: { show: true, position: "right", color: colours.muted, fontSize: 12, formatter: point => numbers.says(numbers.y, point.data.record[numbers.y]) },
        data: shown(group).map(record => ({ value: record[numbers.y], record, itemStyle: record.few ? { color: faded(colours.series[0]) } : {} })),
      }]),
    },
  };
}

const MOST_PARTS = 7;

/* One bar of 100 % for each value of series, cut into x; small parts are one together. */
function shares(numbers, colours, width) {
  const groups = numbers.series ? numbers.distinct(numbers.series) : [undefined];
  const sums = new Map();
  for (const record of numbers.records) sums.set(record[numbers.x], (sums.get(record[numbers.x]) ?? 0) + record[numbers.y]);
  const ranked = [...sums.keys()].sort((one, other) => sums.get(other) - sums.get(one));
  const parts = ranked.length > MOST_PARTS + 1 ? ranked.slice(0, MOST_PARTS) : ranked;
  const small = ranked.slice(parts.length);
  const rowOf = (part, group) => numbers.records.find(record => record[numbers.x] === part && (group === undefined || record[numbers.series] === group));
  const restOf = group => small.map(part => rowOf(part, group)).filter(Boolean);
  const tellsRest = records => records.map(record => `${numbers.says(numbers.x, record[numbers.x])}: ${numbers.says(numbers.y, record[numbers.y])}`).join("\n");
  const names = parts.map(part => numbers.says(numbers.x, part));
  const left = numbers.series ? Math.min(150, width * 0.3) : 8;
  const tall = groups.length * 34 + 8, below = legend(colours, small.length ? [...names, numbers.rest] : names, width, true);
  const label = { show: true, color: colours.card, fontSize: 11, formatter: point => point.value * (width - left - 16) > 32 ? whole.format(point.value * 100) + "%" : "" };
  return {
    height: tall + 40 + below.height,
    option: {
      legend: below.option,
      grid: { left, right: 20, top: 4, height: tall },
      xAxis: axis(colours, { type: "value", min: 0, max: 1, interval: 0.25, axisLabel: { formatter: value => percents.format(value), hideOverlap: true } }),
      yAxis: axis(colours, { type: "category", inverse: true, axisLine: { show: false }, data: groups.map(group => group === undefined ? "" : numbers.says(numbers.series, group)), axisLabel: { color: colours.ink, width: left - 10, overflow: "truncate", interval: 0 } }),
      series: [
        ...parts.map((part, index) => ({
          type: "bar", stack: "all", name: names[index], barWidth: 22, cursor: "pointer", label,
          itemStyle: { color: colours.series[index], borderColor: colours.card, borderWidth: 1 },
          data: groups.map(group => { const record = rowOf(part, group); return { value: record ? record[numbers.y] : 0, record }; }),
        })),
        ...(small.length ? [{
          type: "bar", stack: "all", name: numbers.rest, barWidth: 22, cursor: "default", label: { ...label, color: colours.ink },
          itemStyle: { color: colours.edge, borderColor: colours.card, borderWidth: 1 },
          data: groups.map(group => ({ value: restOf(group).reduce((sum, record) => sum + record[numbers.y], 0), tells: tellsRest(restOf(group)) })),
        }] : []),
      ],
    },
  };
}

/* A line over time for each value of series. */
function line(numbers, colours, width) {
  const groups = numbers.series ? numbers.distinct(numbers.series) : [undefined];
  const names = groups.map(group => group === undefined ? numbers.labels[numbers.y] : numbers.says(numbers.series, group));
  const isTime = typeof numbers.records[0]?.[numbers.x] !== "number";
  const step = isTime ? stepOf(numbers.distinct(numbers.x)) : null;
  const below = legend(colours, names, width, Boolean(numbers.series)), foot = 28 + (isTime ? 0 : 24) + below.height;
  return {
    height: 292 + foot,
    option: {
      legend: below.option,
      grid: { left: 56, right: 24, top: 28, bottom: foot },
      xAxis: isTime
        ? axis(colours, { type: "time", minInterval: DAY, splitLine: { show: false }, axisLabel: { ...step, hideOverlap: true } })
        : axis(colours, { type: "log", logBase: 2, name: numbers.labels[numbers.x], nameLocation: "middle", nameGap: 26, splitLine: { show: false }, axisLabel: { formatter: numbers.onAxis(numbers.x), hideOverlap: true } }),
      yAxis: axis(colours, { type: "value", scale: true, name: numbers.labels[numbers.y], nameTextStyle: { color: colours.muted, align: "left", padding: [0, 0, 0, -40] }, axisLabel: { formatter: numbers.onAxis(numbers.y) } }),
      series: groups.map((group, index) => {
        const records = group === undefined ? numbers.records : numbers.of(group);
        const when = record => isTime ? Date.parse(`${record[numbers.x]}T00:00`) : record[numbers.x];
        return {
          type: "line", name: names[index], cursor: "pointer", symbol: "circle", symbolSize: records.length > 60 ? 5 : 7, showAllSymbol: true, triggerLineEvent: false,
          lineStyle: { width: 2, type: index < 8 ? "solid" : "dashed" }, itemStyle: { color: colours.series[index % 8] },
          data: records.map(record => ({ value: [when(record), record[numbers.y]], record, itemStyle: { opacity: record.few ? 0.35 : 1 } })),
        };
      }),
    },
  };
}

const DAY = 86_400_000;
const shortDays = new Intl.DateTimeFormat(language, { month: "short", day: "numeric" });
const shortMonths = new Intl.DateTimeFormat(language, { year: "numeric", month: "short" });

/* How an axis of these days is labelled: of weeks and months only they themselves are, and months without a day. A
   filter may begin within the first month. */
function stepOf(values) {
  const times = values.map(day => Date.parse(`${day}T00:00`)).sort((one, other) => one - other);
  const shortest = Math.min(...times.slice(1).map((time, place) => time - times[place]));
  const isMonthly = times.length > 1 && values.toSorted().slice(1).every(day => day.endsWith("-01"));
  if (isMonthly) return { formatter: value => shortMonths.format(value), customValues: times };
  return shortest >= 6.5 * DAY && times.length > 1 ? { formatter: timeLabel, customValues: times } : { formatter: timeLabel };
}

/* A day as a day, and the start of a year with the year. */
function timeLabel(value) {
  const at = new Date(value);
  return at.getMonth() === 0 && at.getDate() === 1 ? shortMonths.format(at) : shortDays.format(at);
}

/* A point for each row on logarithmic axes, where nought has no place: it stands at the lower end. Days have an axis of time. */
function scatter(numbers, colours, width) {
  const groups = numbers.series ? numbers.distinct(numbers.series) : [undefined];
  const names = groups.map(group => group === undefined ? numbers.labels[numbers.y] : numbers.says(numbers.series, group));
  const largest = numbers.size ? Math.max(1e-9, ...numbers.records.map(record => record[numbers.size] ?? 0)) : 1;
  const least = column => Math.min(...numbers.records.map(record => record[column]).filter(value => value > 0), Infinity);
  const lowest = { [numbers.x]: least(numbers.x), [numbers.y]: least(numbers.y) };
  const at = (record, column) => record[column] > 0 ? record[column] : Number.isFinite(lowest[column]) ? lowest[column] : 1;
  const isDay = typeof numbers.records[0]?.[numbers.x] === "string";
  const across = record => isDay ? Date.parse(`${record[numbers.x]}T00:00`) : at(record, numbers.x);
  const isKnown = record => record[numbers.x] !== null && record[numbers.y] !== null;
  const area = record => numbers.size ? 6 + 22 * Math.sqrt(Math.max(0, record[numbers.size] ?? 0) / largest) : 9;
  const log = (column, more) => axis(colours, { type: "log", name: numbers.labels[column], nameLocation: "middle", axisLabel: { formatter: numbers.onAxis(column), hideOverlap: true }, ...more });
  const below = legend(colours, names, width, Boolean(numbers.series));
  // A few points without colours of their own say what they are.
  const isNamed = !numbers.series && numbers.records.length <= 25 && width > 480;
  const label = { show: isNamed, position: "top", color: colours.muted, fontSize: 11, formatter: point => numbers.says(numbers.columns[0], point.data.record[numbers.columns[0]]) };
  return {
    height: 332 + below.height + 48,
    option: {
      legend: below.option,
      grid: { left: 64, right: isNamed ? 48 : 20, top: isNamed ? 24 : 12, bottom: 48 + below.height },
      xAxis: isDay ? axis(colours, { type: "time", minInterval: DAY, splitLine: { show: false }, axisLabel: { formatter: timeLabel, hideOverlap: true } }) : log(numbers.x, { nameGap: 28 }),
      yAxis: log(numbers.y, { nameGap: 46 }),
      series: groups.map((group, index) => ({
        type: "scatter", name: names[index], cursor: "pointer", label, labelLayout: { moveOverlap: "shiftY", hideOverlap: true }, itemStyle: { color: colours.series[index % 8], opacity: 0.7, borderColor: colours.card },
        symbol: ["circle", "rect", "triangle", "diamond"][Math.floor(index / 8) % 4],
        data: (group === undefined ? numbers.records : numbers.of(group)).filter(isKnown).map(record => ({ value: [across(record), at(record, numbers.y)], symbolSize: area(record), record, itemStyle: record.few ? { color: faded(colours.series[index % 8]) } : {} })),
      })),
    },
  };
}

/* A cell for each x and y. Around a middle, less is one colour and more another, as far to each side; of ratios, which
   have no end, from nought to twice the middle. Cells of few are pale. */
function heatmap(numbers, colours, width) {
  const ordered = column => numbers.distinct(column).sort((one, other) => one < other ? -1 : one > other ? 1 : 0);
  const filled = values => values.every(Number.isInteger) ? Array.from({ length: values.at(-1) - values[0] + 1 }, (_, step) => values[0] + step) : values;
  const across = filled(ordered(numbers.x)), down = ordered(numbers.y);
  const values = numbers.records.map(record => record[numbers.size]).filter(value => value !== null);
  let [low, high] = [Math.min(...values), Math.max(...values)];
  const around = numbers.middle;
  const isRatio = around > 0 && low >= 0;
  if (around !== null) { const far = isRatio ? around : Math.max(Math.abs(high - around), Math.abs(around - low)) || 1; [low, high] = [around - far, around + far]; }
  const left = Math.min(90, 16 + 13 * Math.max(...down.map(value => numbers.says(numbers.y, value).length)));
  const tall = down.length * 34;
  return {
    height: tall + 104,
    option: {
      grid: { left, right: 8, top: 8, height: tall },
      xAxis: axis(colours, { type: "category", name: numbers.labels[numbers.x], nameLocation: "middle", nameGap: 24, data: across.map(value => numbers.x === "hour" ? String(value) : numbers.says(numbers.x, value)), splitLine: { show: false } }),
      yAxis: axis(colours, { type: "category", inverse: true, data: down.map(value => numbers.says(numbers.y, value)), axisLabel: { color: colours.ink, interval: 0, width: left - 8, overflow: "truncate" }, splitLine: { show: false } }),
      visualMap: {
        min: low, max: high === low ? low + 1 : high, dimension: 2, calculable: false, orient: "horizontal", left: "center", bottom: 0, itemHeight: Math.min(200, width / 3), itemWidth: 12,
        text: [(isRatio ? "≥ " : "") + numbers.says(numbers.size, high), numbers.says(numbers.size, low)], textStyle: { color: colours.muted, fontSize: 12 },
        inRange: { color: around === null ? [colours.low, colours.series[0]] : [colours.series[2], colours.low, colours.series[0]] },
      },
      series: [{
        type: "heatmap", cursor: "pointer", itemStyle: { borderColor: colours.card, borderWidth: 2, borderRadius: 3 },
        data: numbers.records.filter(record => record[numbers.size] !== null).map(record => ({ value: [across.indexOf(record[numbers.x]), down.indexOf(record[numbers.y]), record[numbers.size]], record, itemStyle: { opacity: record.few ? 0.35 : 1 } })),
      }],
    },
  };
}

const KINDS = { bar, shares, line, scatter, heatmap };

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
