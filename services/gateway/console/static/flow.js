"use strict";
// The pipeline's picture: how many cases have reached each stage, and which have left the journey. It is drawn from the
// counts that the page shows, and again whenever they change.

const NARROW = 760;
const count = (item) => Number(item.querySelector("[data-count]").textContent.replaceAll(",", ""));
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function read(selector) {
  return [...document.querySelectorAll(selector)].map((item) => ({
    stage: item.dataset.stage,
    label: item.dataset.label,
    leaves: item.dataset.leaves,
    tone: item.firstElementChild.classList.contains("urgent") ? "--urgent" : "--ended",
    count: count(item),
  }));
}

// Who leaves at a stage: a node each, or one for all of them where there is no room beside one another.
function leavers(stage, aside, together) {
  const found = aside.filter((each) => each.leaves === stage);
  const labels = found.map((each) => `${each.label} ${each.count.toLocaleString("en")}`);
  if (!together || found.length < 2) return found.map((each, index) => ({ ...each, text: labels[index] }));
  const tone = found.some((each) => each.tone === "--urgent") ? "--urgent" : "--ended";
  return [{ stage: `beside ${stage}`, text: labels.join("\n"), tone, count: total(found) }];
}

const total = (items) => items.reduce((sum, each) => sum + each.count, 0);

function graph(narrow) {
  const journey = read("[data-journey] > li");
  const aside = read("[data-aside] > li").filter((each) => each.count > 0);
  let reached = total(journey) + total(aside);
  const nodes = [];
  const left = [];
  const links = [];
  journey.forEach((each, index) => {
    if (reached === 0) return;
    const text = `${each.label}${narrow ? " " : "\n"}${reached.toLocaleString("en")}`;
    nodes.push({ name: each.stage, text, value: reached, tone: "--forward", label: { position: narrow ? "bottom" : "right" } });
    const leaving = leavers(each.stage, aside, narrow);
    reached -= each.count + total(leaving);
    const next = journey[index + 1];
    if (next && reached > 0) links.push({ source: each.stage, target: next.stage, value: reached, tone: "--forward" });
    for (const other of leaving) {
      left.push({ name: other.stage, text: other.text, value: other.count, tone: other.tone, label: { position: "right" } });
      links.push({ source: each.stage, target: other.stage, value: other.count, tone: other.tone });
    }
  });
  // Those who have left come last, so that they lie beside the journey and not in it.
  return { nodes: [...nodes, ...left], links };
}

function option(width) {
  const narrow = width < NARROW;
  const { nodes, links } = graph(narrow);
  const text = { color: colour("--ink"), fontFamily: getComputedStyle(document.body).fontFamily, fontSize: 12, lineHeight: 16 };
  return {
    animation: !matchMedia("(prefers-reduced-motion: reduce)").matches,
    animationDuration: 300,
    animationDurationUpdate: 400,
    // Drawn on the canvas: as a page element it would need inline styles, which the security policy forbids.
    tooltip: {
      renderMode: "richText",
      confine: true,
      backgroundColor: colour("--panel"),
      borderColor: colour("--line"),
      textStyle: text,
      formatter: ({ data }) => data.text ?? data.value.toLocaleString("en"),
    },
    series: {
      type: "sankey",
      orient: narrow ? "vertical" : "horizontal",
      nodeAlign: "left",
      draggable: false,
      layoutIterations: 0,
      left: 4,
      top: 8,
      bottom: narrow ? 24 : 14,
      right: narrow ? 130 : 110,
      nodeWidth: 10,
      nodeGap: 20,
      emphasis: { focus: "adjacency" },
      label: { ...text, formatter: ({ data }) => data.text },
      data: nodes.map((each) => ({ ...each, itemStyle: { color: colour(each.tone), borderWidth: 0 } })),
      links: links.map((each) => ({ ...each, lineStyle: { color: colour(each.tone), opacity: 0.28 } })),
    },
  };
}

function start(place) {
  const chart = echarts.init(place, null, { renderer: "canvas" });
  const draw = () => chart.setOption(option(place.clientWidth));
  chart.on("click", ({ data }) => document.querySelector(`[data-stage="${data.name}"] > a`)?.click());
  document.addEventListener("homeward:figures", draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  new ResizeObserver(() => {
    chart.resize();
    draw();
  }).observe(place);
}

start(document.getElementById("flow"));
