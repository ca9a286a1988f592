"""How the pages of a report look: one set of colours for light and dark, safe for the colour-blind, the same type everywhere, print."""
# ruff: noqa: E501 CSS keeps on a line what belongs together

from __future__ import annotations

# first, second, third: blue, orange and bluish green after Okabe and Ito, as far apart for every kind of colour vision.
STYLE = """
:root { color-scheme: light dark; --ink: #1c2530; --soft: #586573; --line: #dfe5ea; --ground: #f6f8fa; --card: #fff; --faint: #b3bec9;
  --first: #0067b1; --second: #c75000; --third: #00795c; --first-rgb: 0 103 177; --second-rgb: 199 80 0; --good: #00795c; --warn: #8a5a00; --bad: #b3261e; }
@media screen and (prefers-color-scheme: dark) { :root { --ink: #e3e8ee; --soft: #9aa7b5; --line: #2b3540; --ground: #11161c; --card: #181f27; --faint: #4d5a68;
  --first: #5eb1f2; --second: #f39a4a; --third: #3ecfa4; --first-rgb: 94 177 242; --second-rgb: 243 154 74; --good: #3ecfa4; --warn: #e0b13f; --bad: #ff8078; } }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; } @media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.55 system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 28px 24px 72px; }
h1 { font-size: 26px; line-height: 1.25; margin: 0 0 4px; letter-spacing: -.012em; } h2 { font-size: 20px; margin: 52px 0 6px; letter-spacing: -.008em; } h3 { font-size: 15px; margin: 22px 0 6px; }
p { margin: 0 0 12px; max-width: 76ch; } ul { margin: 0 0 12px; padding-left: 20px; } .soft { color: var(--soft); } .small { font-size: 13px; }
a { color: var(--first); } code, pre { font: 13px/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace; } code { overflow-wrap: anywhere; }
pre { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 12px 16px; overflow-x: auto; margin: 0 0 12px; }
:focus-visible { outline: 2px solid var(--first); outline-offset: 2px; border-radius: 3px; }
nav { display: flex; flex-wrap: wrap; gap: 2px 14px; margin: 10px 0 22px; font-size: 14px; } nav a { text-decoration: none; white-space: nowrap; } nav a:hover { text-decoration: underline; }
.card, figure { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 16px 18px; margin: 0; min-width: 0; }
.label { color: var(--soft); font-size: 12.5px; text-transform: uppercase; letter-spacing: .05em; margin: 0 0 6px; }
.grid { display: grid; gap: 14px; margin: 14px 0; } .two { grid-template-columns: repeat(auto-fit, minmax(min(100%, 430px), 1fr)); } .three { grid-template-columns: repeat(auto-fit, minmax(min(100%, 300px), 1fr)); }
.four { grid-template-columns: repeat(auto-fill, minmax(min(100%, 240px), 1fr)); }
figcaption { color: var(--soft); font-size: 13px; margin-top: 8px; } figure h3 { margin: 0 0 8px; } svg.chart { display: block; width: 100%; height: auto; max-width: 620px; margin: 0 auto; }
svg.chart text { font-family: system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif !important; } .wide { overflow-x: auto; } .wide svg.chart { min-width: 640px; max-width: none; }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: 10px; background: var(--card); margin: 12px 0; } table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: 6px 12px; border-top: 1px solid var(--line); } tr:first-child > * { border-top: 0; } th { font-weight: 600; color: var(--soft); font-size: 13px; white-space: nowrap; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; } .num { font-variant-numeric: tabular-nums; }
.bar { display: block; height: 8px; border-radius: 4px; background: var(--line); overflow: hidden; min-width: 90px; } .bar i { display: block; height: 100%; background: var(--first); }
.note { border-left: 3px solid var(--warn); padding: 2px 0 2px 12px; margin: 10px 0; max-width: 76ch; } .note b { color: var(--warn); }
.picture { image-rendering: pixelated; display: block; width: 100%; border-radius: 6px; }
@media (max-width: 600px) { main { padding: 18px 14px 48px; } h1 { font-size: 22px; } h2 { margin-top: 40px; } .card, figure { padding: 13px 14px; } th, td { padding: 6px 9px; } }
"""

# Behind the style of each page, so that it has the last word: on paper nothing can be scrolled, unfolded, hovered or chosen.
PRINT = """
@page { size: A4; margin: 14mm 13mm; }
@media print { :root { color-scheme: light; } * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } nav, .on-screen { display: none !important; }
  body { background: #fff; font-size: 11px; } main { max-width: none; padding: 0; } h1 { font-size: 20px; } h2 { font-size: 15px; margin: 22px 0 4px; } h3 { font-size: 12px; }
  h1, h2, h3, h2 + p { break-after: avoid; } figure, .card, .note, .scroll, pre, tr, li { break-inside: avoid; } p { orphans: 3; widows: 3; }
  .small, figcaption, th, .label { font-size: 10px; } code, pre { font-size: 9.5px; } .card, figure { padding: 9px 11px; border-radius: 6px; } .grid { gap: 9px; margin: 9px 0; }
  .two { grid-template-columns: 1fr 1fr; } .three, .four { grid-template-columns: repeat(3, 1fr); } th, td { padding: 3px 6px; } .bar { min-width: 50px; }
  .scroll, .wide, pre { overflow: visible; } pre { white-space: pre-wrap; overflow-wrap: anywhere; } .wide svg.chart { min-width: 0; } }
"""
