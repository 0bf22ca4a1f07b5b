/**
 * Style sheet of the page and of its drawings: light or dark by the reader's setting, one colour
 * for each role.
 */
export const stylesheet = `
:root {
  color-scheme: light dark; --page: #f7f7f5; --card: #fff; --ink: #1d2125; --soft: #667078;
  --line: #e3e4e1; --teacher: #7c4fd8; --baseline: #c26a08; --distilled: #0b857a;
  --good: #16803c; --bad: #c2352b; --data: #2c6cb8;
}
@media (prefers-color-scheme:dark) {
  :root {
    --page: #14171a; --card: #1c2024; --ink: #e8eaec; --soft: #98a2ab; --line: #2f353b;
    --teacher: #ab8bf5; --baseline: #eea24c; --distilled: #3fc9b8; --good: #5fcf86;
    --bad: #f2867d; --data: #6fb0f2;
  }
}
* { box-sizing: border-box }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 Inter,"Segoe UI",system-ui,-apple-system,"Helvetica Neue",Arial,sans-serif;
}
main { max-width: 1080px; margin: 0 auto; padding: 40px 24px 72px }
header .where { color: var(--soft); font-size: 13px; margin: 0 0 10px }
h1 {
  font-size: 27px; line-height: 1.28; letter-spacing: -.012em; margin: 0 0 24px; max-width: 33em;
  font-weight: 650; text-wrap: balance;
}
h2 { font-size: 19px; margin: 0 0 2px; letter-spacing: -.005em }
h3 { font-size: 14.5px; margin: 24px 0 10px; font-weight: 600 }
h3 small { color: var(--soft); font-weight: 400; margin-left: 6px }
.remark { color: var(--soft); margin: 0 0 16px; max-width: 48em }
.notice { border-left: 3px solid var(--baseline); padding: 2px 0 2px 12px; margin: 0 0 22px }
section {
  background: var(--card); border: 1px solid var(--line); border-radius: 12px;
  padding: 22px 24px; margin: 18px 0;
}
.tiles { display: grid; grid-template-columns: repeat(3,1fr); gap: 14px; margin-bottom: 18px }
.tile {
  background: var(--card); border: 1px solid var(--line); border-top: 3px solid currentColor;
  border-radius: 10px; padding: 14px 18px;
}
.tile b {
  display: block; font-size: 28px; line-height: 1.25; letter-spacing: -.02em; font-weight: 650;
  font-variant-numeric: tabular-nums;
}
.tile small { color: var(--soft); font-size: 13px }
.teacher { color: var(--teacher) }
.baseline { color: var(--baseline) }
.distilled { color: var(--distilled) }
.scroll { overflow-x: auto }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th { text-align: left; font-weight: 500; color: var(--soft); font-size: 13px }
td, th { padding: 7px 12px 7px 0; border-bottom: 1px solid var(--line); vertical-align: top }
tr:last-child > td, tr:last-child > th { border-bottom: 0 }
.results td, .results thead th { text-align: right; white-space: nowrap }
.results td:nth-child(2), .results thead th:nth-child(2) { text-align: left }
.results tbody th { font-weight: 600; font-size: 15px; white-space: nowrap }
.results .teacher, .results .baseline, .results .distilled { font-weight: 600 }
.facts { font-size: 13.5px }
.facts th { width: 11.5em }
.facts td { overflow-wrap: anywhere }
.two {
  display: grid; grid-template-columns: repeat(auto-fit,minmax(400px,1fr)); gap: 0 40px;
  align-items: start;
}
.figures {
  display: grid; grid-template-columns: repeat(auto-fit,minmax(300px,1fr)); gap: 20px 28px;
}
.wide .figures { grid-template-columns: repeat(auto-fit,minmax(420px,1fr)) }
figure { margin: 0 }
figcaption { font-size: 13.5px; font-weight: 600; margin-bottom: 6px }
svg { display: block; width: 100%; height: auto; font-family: inherit; overflow: visible }
svg .tick { fill: var(--soft); font-size: 11px }
svg .axis { fill: var(--soft); font-size: 11.5px }
svg .grid { stroke: var(--line) }
svg .curve { fill: none; stroke: currentColor; stroke-width: 2; stroke-linejoin: round }
svg .further { opacity: .38 }
svg circle { fill: currentColor }
svg .point { stroke: var(--card); stroke-width: 2 }
svg .label { fill: currentColor; font-size: 12px; font-weight: 600 }
svg .cell { fill: currentColor }
svg rect.cell:hover { stroke: var(--ink) }
svg .count { fill: var(--ink); font-size: 10px; pointer-events: none }
svg .onCell { fill: var(--card); font-size: 10px; font-weight: 600; pointer-events: none }
svg .ideal { stroke: var(--soft); stroke-dasharray: 4 4 }
.cards { display: grid; grid-template-columns: repeat(auto-fill,minmax(300px,1fr)); gap: 14px }
.card {
  display: flex; gap: 14px; border: 1px solid var(--line); border-radius: 10px; padding: 12px;
  font-size: 13px;
}
.card img {
  width: 104px; height: 104px; image-rendering: pixelated; border-radius: 6px; flex: none;
}
.card > div { flex: 1; min-width: 0 }
.card strong { font-size: 14px }
.soft { margin: 3px 0 6px }
.soft div { display: flex; align-items: center; gap: 7px; line-height: 1.45 }
.soft em {
  font-style: normal; width: 6.4em; color: var(--soft); font-size: 12px; white-space: nowrap;
  overflow: hidden; text-overflow: ellipsis; flex: none;
}
.soft small {
  width: 3em; text-align: right; color: var(--soft); font-size: 11.5px;
  font-variant-numeric: tabular-nums;
}
.soft span { flex: 1; height: 7px }
.soft u {
  display: block; height: 7px; min-width: 2px; border-radius: 3px; background: var(--teacher);
  opacity: .42;
}
.soft .trueClass em { color: var(--ink); font-weight: 600 }
.soft .trueClass u { opacity: 1 }
.card > div > span { display: flex; align-items: center; gap: 6px; color: var(--soft) }
.card i { width: 8px; height: 8px; border-radius: 50%; flex: none; background: var(--baseline) }
.card .distilled i { background: var(--distilled) }
.card b { font-weight: 600; margin-left: auto }
.right { color: var(--good) }
.wrong { color: var(--bad) }
pre {
  background: var(--page); border: 1px solid var(--line); border-radius: 8px; padding: 12px 14px;
  overflow-x: auto; font: 13px/1.55 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;
  margin: 0 0 18px;
}
.notice.problem { border-color: var(--bad) }
.notice ul { list-style: none; margin: 0; padding: 0; max-width: 62em }
.notice li { padding: 3px 0 }
details > summary {
  cursor: pointer; color: var(--data); font-weight: 600; font-size: 14px; padding: 6px 0;
}
.classes th[scope=row], .splits th[scope=row], .recall th[scope=row] {
  color: var(--ink); font-size: 14px; overflow-wrap: break-word;
}
.classes th:first-child { width: 22%; min-width: 6.5em }
.splits th { white-space: nowrap }
.classes td { padding-right: 28px }
.classes td > div { display: flex; align-items: center; gap: 10px }
.classes td span { flex: 1; min-width: 20px; max-width: 260px; height: 9px }
.classes td u {
  display: block; height: 9px; min-width: 2px; border-radius: 3px; background: var(--data);
}
.classes td ~ td u { opacity: .5 }
.classes td b { font-weight: 500; min-width: 3.6em; text-align: right }
.classes thead th:not(:first-child) { text-align: left }
.splits { margin-bottom: 18px }
.splits td, .recall td { white-space: nowrap }
.recall td, .recall thead th:not(:first-child) { text-align: right }
.recall th[scope=row] { max-width: 16em }
.recall tbody tr:first-child > * { font-weight: 650 }
.confusions td, .confusions th { font-size: 13px; overflow-wrap: anywhere }
.exported { font-size: 13.5px }
.exported td, .exported th { padding-right: 9px }
.exported td, .exported thead th:not(:first-child) { text-align: right }
.exported td:nth-child(2), .exported thead th:nth-child(2) { text-align: left }
.exported td small { display: block; color: var(--soft); font-size: 12px; white-space: normal }
.exported td:nth-child(2) { min-width: 158px }
.exported td:nth-child(2) small { max-width: 158px }
.answers > div > span { display: flow-root }
.answers i { display: inline-block; margin-right: 6px }
.answers b { float: right; margin-left: 6px }
.card img.smooth { image-rendering: auto; object-fit: cover }
.card strong + small { color: var(--soft) }
.swatch {
  display: inline-block; width: 14px; height: 14px; border-radius: 4px; margin-right: 8px;
  vertical-align: -2px; border: 1px solid var(--line);
}
svg circle.data { fill: var(--data) }
.strips {
  display: grid; gap: 18px 28px;
  grid-template-columns: repeat(auto-fill,minmax(min(100%,400px),1fr));
}
.strips.many { grid-template-columns: repeat(auto-fill,minmax(min(100%,280px),1fr)) }
.strip h3 { margin: 0 0 6px; overflow-wrap: anywhere }
.strip > div { display: grid; grid-template-columns: repeat(5,1fr); gap: 6px }
.strip img {
  width: 100%; height: auto; aspect-ratio: 1; object-fit: contain; border-radius: 5px;
  background: var(--page); max-width: 110px;
}
img.small { image-rendering: pixelated }
.pairs { display: grid; grid-template-columns: repeat(auto-fill,minmax(300px,1fr)); gap: 14px }
.pair {
  display: flex; gap: 8px; border: 1px solid var(--line); border-radius: 10px; padding: 10px;
  font-size: 12.5px; line-height: 1.4; align-items: flex-start;
}
.pair img { width: 64px; height: 64px; object-fit: contain; border-radius: 5px; flex: none }
.pair > div { min-width: 0; margin-left: 4px }
.pair em { font-style: normal; font-weight: 600 }
.pair p { margin: 0 0 3px; color: var(--soft); overflow-wrap: anywhere }
.pair p b { display: block; color: var(--ink); font-weight: 600 }
.broken td, .broken th { overflow-wrap: anywhere; font-size: 13.5px; min-width: 8em }
.broken td:nth-child(2), .broken th:nth-child(2) { min-width: 6em }
footer { color: var(--soft); font-size: 13px; margin-top: 26px }
@media (max-width:640px) {
  .tiles { grid-template-columns: 1fr }
  h1 { font-size: 22px }
  .two, .wide .figures { grid-template-columns: 1fr }
  main { padding: 24px 14px }
  section { padding: 18px 14px }
  .classes td:not(:only-of-type) span { display: none }
  .classes td, .recall td { padding-right: 8px }
  .pairs { grid-template-columns: 1fr }
  .exported th[scope=row] { white-space: normal; overflow-wrap: anywhere; min-width: 7.5em }
}
`.trim();
