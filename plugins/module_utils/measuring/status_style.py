# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How the status page looks. On a telephone a row becomes a block, with the name of its column above each value."""

from __future__ import annotations

STYLE = """
:root { color-scheme: light dark; --back: #f5f6f8; --card: #fff; --text: #1b1f24; --dim: #59636e; --line: #d8dee4;
  --good: #116329; --goodback: #dafbe1; --bad: #a40e26; --badback: #ffebe9; --rest: #424a53; --restback: #eaeef2; }
@media (prefers-color-scheme: dark) {
  :root { --back: #0d1117; --card: #161b22; --text: #e6edf3; --dim: #9aa4af; --line: #30363d;
    --good: #7ee787; --goodback: #12361f; --bad: #ffa198; --badback: #4a1519; --rest: #c4ccd4; --restback: #2a3038; }
}
* { box-sizing: border-box; }
body { margin: 0; padding: 1rem; background: var(--back); color: var(--text);
  font: 15px/1.45 system-ui, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif; }
main { max-width: 72rem; margin: 0 auto; }
header { display: flex; flex-wrap: wrap; align-items: baseline; gap: .1rem .8rem; }
h1 { font-size: 1.4rem; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; margin: 0 0 .5rem; }
h2 small, .made, .note { color: var(--dim); font-weight: normal; font-size: .85rem; }
.made { margin: 0; }
section { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .8rem 1rem;
  margin-top: .8rem; }
.sum { list-style: none; display: flex; flex-wrap: wrap; gap: .4rem; margin: .8rem 0 0; padding: 0; }
.sum li, .state { border-radius: 1rem; padding: .1rem .6rem; font-weight: 600; }
.state { display: inline-block; font-size: .9rem; }
.good { background: var(--goodback); color: var(--good); }
.bad { background: var(--badback); color: var(--bad); }
.rest { background: var(--restback); color: var(--rest); }
table { width: 100%; border-collapse: collapse; }
th, td { text-align: left; padding: .3rem .6rem .3rem 0; border-top: 1px solid var(--line); vertical-align: top; }
thead th { border-top: 0; color: var(--dim); font-size: .85rem; font-weight: normal; white-space: nowrap; }
tbody th { font-weight: 600; overflow-wrap: anywhere; min-width: 11rem; }
td.tag { white-space: nowrap; }
td { overflow-wrap: anywhere; }
th.number, td.number { text-align: right; padding-left: 1rem; font-variant-numeric: tabular-nums;
  white-space: nowrap; }
code { font: .85em ui-monospace, "DejaVu Sans Mono", monospace; color: var(--dim); }
p { margin: .2rem 0; }
td p { margin: 0; }
.note { margin-top: .5rem; }
@media (max-width: 40rem) {
  body { padding: .6rem; }
  section { padding: .7rem .8rem; }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  table, tbody { display: block; }
  tr { display: grid; grid-template-columns: repeat(12, 1fr); gap: .15rem .5rem; border-top: 1px solid var(--line);
    padding: .5rem 0; }
  tbody tr:first-child { border-top: 0; padding-top: 0; }
  tbody tr:last-child { padding-bottom: 0; }
  th, td, td.number {
    display: block; border: 0; padding: 0; min-width: 0; text-align: left; white-space: normal;
    grid-column: span 4; }
  .four td.number { grid-column: span 3; }
  tbody th, td.wide { grid-column: 1 / -1; }
  .tagged tbody th { grid-column: span 7; }
  td.tag { grid-column: span 5; text-align: right; }
  td[data-label]::before { content: attr(data-label); display: block; color: var(--dim); font-size: .78rem; }
  td.tag::before, td.wide::before { display: none !important; }
}
"""
