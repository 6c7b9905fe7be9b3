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

function graph() {
  const journey = read("[data-journey] > li");
  const aside = read("[data-aside] > li").filter((each) => each.count > 0);
  const place = (stage) => journey.findIndex((each) => each.stage === stage);
  let reached = aside.reduce((sum, each) => sum + each.count, 0) + journey.reduce((sum, each) => sum + each.count, 0);
  const nodes = [];
  const left = [];
  const links = [];
  journey.forEach((each, index) => {
    if (reached === 0) return;
    nodes.push({ name: each.stage, label: each.label, value: reached, tone: "--forward" });
    const leaving = aside.filter((other) => place(other.leaves) === index);
    reached -= each.count + leaving.reduce((sum, other) => sum + other.count, 0);
    const next = journey[index + 1];
    if (next && reached > 0) links.push({ source: each.stage, target: next.stage, value: reached, tone: "--forward" });
    for (const other of leaving) {
      left.push({ name: other.stage, label: other.label, value: other.count, tone: other.tone });
      links.push({ source: each.stage, target: other.stage, value: other.count, tone: other.tone });
    }
  });
  // Those who have left come last, so that they lie below the journey.
  return { nodes: [...nodes, ...left], links };
}

function option(width) {
  const { nodes, links } = graph();
  const upright = width < NARROW;
  const text = { color: colour("--ink"), fontFamily: getComputedStyle(document.body).fontFamily, fontSize: 12, lineHeight: 16 };
  return {
    animationDuration: 300,
    animationDurationUpdate: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 400,
    // Drawn on the canvas: as a page element it would need inline styles, which the security policy forbids.
    tooltip: { renderMode: "richText", confine: true, backgroundColor: colour("--panel"), borderColor: colour("--line"), textStyle: text },
    series: {
      type: "sankey",
      orient: upright ? "vertical" : "horizontal",
      nodeAlign: "left",
      draggable: false,
      layoutIterations: 0,
      left: 4, top: upright ? 24 : 8, bottom: upright ? 24 : 8, right: upright ? 90 : 110,
      nodeWidth: 10,
      nodeGap: upright ? 22 : 16,
      emphasis: { focus: "adjacency" },
      label: { ...text, formatter: ({ data }) => `${data.label}\n${data.value.toLocaleString("en")}` },
      data: nodes.map((each) => ({ ...each, itemStyle: { color: colour(each.tone), borderWidth: 0 } })),
      links: links.map((each) => ({ ...each, lineStyle: { color: colour(each.tone), opacity: 0.28 } })),
    },
  };
}

function start(place) {
  const chart = echarts.init(place, null, { renderer: "canvas" });
  const draw = () => chart.setOption(option(place.clientWidth), { notMerge: true });
  chart.on("click", ({ data }) => data.name && location.assign(`/cases?stage=${encodeURIComponent(data.name)}`));
  document.addEventListener("homeward:figures", draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  new ResizeObserver(() => {
    chart.resize();
    draw();
  }).observe(place);
}

start(document.getElementById("flow"));
