"""The page that explains a network as a Jinja template: one file, no address outside it."""
# ruff: noqa: E501 HTML and CSS keep on a line what belongs together

from __future__ import annotations

STYLE = """
td.formula { font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace; font-size: 12.5px; min-width: 150px; } .layers td { vertical-align: top; } .layers td:first-child { white-space: nowrap; }
.walk { display: grid; grid-template-columns: 270px minmax(0, 1fr); gap: 22px; align-items: start; margin-top: 14px; } .side { position: sticky; top: 12px; }
.choices { display: grid; grid-template-columns: repeat(4, 1fr); gap: 6px; margin: 0 0 12px; } .choices button { padding: 2px; border: 2px solid transparent; border-radius: 7px; background: none; cursor: pointer; position: relative; } .choices button[aria-pressed="true"] { border-color: var(--second); } .choices img { width: 100%; display: block; image-rendering: pixelated; border-radius: 4px; } .choices .wrong::after { content: "✗"; position: absolute; right: 1px; top: 0; background: var(--second); color: #fff; font-size: 10px; line-height: 14px; width: 14px; border-radius: 7px; text-align: center; }
canvas { image-rendering: pixelated; display: block; border-radius: 3px; background: var(--line); } #picture { width: 100%; border-radius: 6px; } .stack { position: relative; } #field { position: absolute; border: 2px solid var(--second); box-shadow: 0 0 0 9999px rgb(0 0 0 / .32); pointer-events: none; display: none; } .stack { overflow: hidden; border-radius: 6px; }
.odds { display: grid; grid-template-columns: auto 1fr auto; gap: 2px 8px; font-size: 12.5px; align-items: center; margin-top: 10px; } .odds span:nth-child(3n+1) { max-width: 90px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
ol.steps { list-style: none; margin: 0; padding: 0; } ol.steps > li { border-left: 2px solid var(--line); padding: 0 0 14px 16px; position: relative; } ol.steps > li::before { content: ""; position: absolute; left: -6px; top: 6px; width: 8px; height: 8px; border-radius: 50%; background: var(--card); border: 2px solid var(--faint); } li.conv::before { border-color: var(--first) !important; } li.activation::before { border-color: var(--third) !important; } li.pool::before, li.mean::before { border-color: var(--second) !important; }
ol.steps > li.within { margin-left: 18px; } .steps h3 { margin: 0 0 2px; font-size: 14.5px; } .steps h3 .soft { font-weight: 400; } .steps p { margin: 0 0 6px; font-size: 13px; }
.strip { display: flex; flex-wrap: wrap; gap: 6px; } .strip canvas { cursor: crosshair; } .strip canvas.chosen { outline: 2px solid var(--second); outline-offset: 1px; }
#says { position: sticky; bottom: 0; background: var(--card); border: 1px solid var(--line); border-radius: 10px 10px 0 0; box-shadow: 0 -4px 18px rgb(0 0 0 / .12); padding: 10px 16px 12px; margin-top: 10px; min-height: 96px; max-height: 46vh; overflow-y: auto; font-size: 13.5px; z-index: 2; } #says p { margin: 0 0 6px; max-width: none; }
.sum { display: flex; flex-wrap: wrap; gap: 10px 18px; align-items: flex-end; } .sum > div { font-size: 12px; color: var(--soft); } .product { display: flex; align-items: center; gap: 6px; } table.grid-of { border-collapse: separate; border-spacing: 1px; width: auto; } .grid-of td { padding: 0; border: 0; width: 34px; height: 22px; text-align: center; font-size: 10.5px; font-variant-numeric: tabular-nums; border-radius: 2px; color: var(--ink); } .grid-of.tiny td { width: 9px; height: 9px; font-size: 0; } .grid-of td.out { outline: 1px dashed var(--faint); outline-offset: -1px; }
.sobel { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 240px), 1fr)); gap: 14px; } .sobel canvas { width: 100%; max-width: 260px; cursor: crosshair; } .kernels { display: flex; flex-wrap: wrap; gap: 8px; } .kernels canvas { cursor: pointer; } .kernels canvas.chosen { outline: 2px solid var(--second); outline-offset: 1px; }
kbd { font: 12px ui-monospace, Menlo, monospace; border: 1px solid var(--line); border-bottom-width: 2px; border-radius: 4px; padding: 0 5px; background: var(--card); } .scale { display: inline-block; width: 120px; height: 9px; border-radius: 5px; vertical-align: middle; background: linear-gradient(90deg, var(--first), var(--zero), var(--second)); } :root { --zero: #f1f4f6; } @media screen and (prefers-color-scheme: dark) { :root { --zero: #222b34; } }
@media (max-width: 760px) { .walk { grid-template-columns: minmax(0, 1fr); gap: 10px; } .side { display: contents; } .choices { grid-template-columns: repeat(8, 1fr); margin: 0; } .stack { width: 132px; position: sticky; top: 8px; z-index: 2; justify-self: end; } .odds { margin-top: 0; } }
@media print { #says, #choices { display: none; } .walk { grid-template-columns: minmax(0, 1fr); gap: 12px; } .side { display: grid; grid-template-columns: 110px minmax(0, 1fr); column-gap: 14px; position: static; align-items: start; } .stack { position: relative; width: 110px; top: 0; justify-self: start; grid-row: span 2; } #field { box-shadow: none; display: none !important; } .odds { margin: 4px 0 0; }
  td.formula { min-width: 0; font-size: 9px; overflow-wrap: anywhere; } .layers td:first-child { white-space: normal; } .strip { gap: 4px; } .strip canvas.chosen, .kernels canvas.chosen { outline: 0; } .sobel { grid-template-columns: repeat(3, 1fr); gap: 9px; } .grid-of td { width: 22px; height: 15px; font-size: 7.5px; } .sum { gap: 4px 8px; } .steps h3 { font-size: 11.5px; } .steps p { font-size: 10px; margin: 0 0 4px; } ol.steps > li { padding-bottom: 8px; } }
"""

TEMPLATE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:">
<title>{{ source }}: the network explained</title>
<style>{{ style }}</style>
</head>
<body><main>
<header><h1>How this network reads an image</h1>
<p class="soft" style="max-width: none">{{ family }} · {{ "{:,}".format(parameters) }} parameters · {{ "{:,}".format(multiply_adds) }} multiply-adds an image · {{ classes }} classes · model <code>{{ digest[:12] }}</code> · <a href="report.html">how good it is</a></p>
<nav aria-label="Sections"><a href="#layers">Layer by layer</a>{% if has_filters %}<a href="#filters">Its first filters</a><a href="#hand">By hand and learned</a>{% endif %}<a href="#walk">Walk an image through it</a></nav></header>

<section id="layers"><h2>Layer by layer</h2>
<p>An image enters as {{ shape }} numbers: channels × height × width. Each layer turns them into others, until one number is left{{ ", for or against the second class" if classes == 2 else " for each class" }}.</p>
<div class="scroll"><table class="layers"><tr><th>layer</th><th>output</th><th>size</th><th>parameters</th><th>multiply-adds</th></tr>
<tr><td>image</td><td class="num">{{ shape }}</td><td class="soft">its pixels, less their mean over the training images, in standard deviations</td><td></td><td></td></tr>
{% for row in rows %}<tr><td style="padding-left: {{ 12 + 16 * row.depth }}px">{{ row.name }}</td><td class="num">{{ row.output }}</td><td class="formula">{{ row.size }}</td><td class="formula">{{ row.parameters }}</td><td class="formula">{{ row.multiply_adds }}</td></tr>
{% endfor %}<tr><th>all</th><th></th><th></th><th class="num">{{ "{:,}".format(parameters) }}</th><th class="num">{{ "{:,}".format(multiply_adds) }}</th></tr></table></div>
<p class="soft small">A side of I pixels becomes ⌊(I + 2P − D(K−1) − 1) / S⌋ + 1: P zeros are put around it, a kernel of K pixels, D apart, moves by S (Dumoulin and Visin 2016). A convolution has F·(C·K² + 1) parameters for C channels in and F out, the + 1 for its bias.</p>
</section>

{% if has_filters %}<section id="filters"><h2>Its first filters</h2>
<p>What the first layer looks for: a pixel that fits an orange weight speaks for the filter, one that fits a blue weight against it. <span class="scale" aria-hidden="true"></span> <span class="on-screen">Choose one to see it at work below.</span></p>
<div class="card"><div class="kernels" id="kernels" role="group" aria-label="Filters of the first convolution"></div></div></section>

<section id="hand"><h2>By hand and learned</h2>
<p>Sobel's filter (1968) was made by hand to find upright edges. The network was told of no edges; it found its filters because they lower its loss. Both do the same sum at every pixel<span class="on-screen">: move over them</span>.</p>
<div class="sobel"><figure><h3>The image</h3><canvas id="plain" tabindex="0" role="img" aria-label="The chosen image in grey; arrow keys move over it"></canvas><figcaption>as the first layer gets it</figcaption></figure>
<figure><h3>Sobel</h3><canvas id="sobel" role="img" aria-label="The image after Sobel's filter"></canvas><figcaption id="sobel-says"></figcaption></figure>
<figure><h3 id="learned-name">A learned filter</h3><canvas id="learned" role="img" aria-label="The image after the learned filter"></canvas><figcaption id="learned-says"></figcaption></figure></div></section>
{% endif %}

<section id="walk"><h2>Walk an image through it</h2>
<p>Each small picture is what one channel of a layer makes of the image: orange is above zero, blue below. <span class="on-screen">Move over one, or focus it and use <kbd>←</kbd> <kbd>↑</kbd> <kbd>→</kbd> <kbd>↓</kbd>; <kbd>[</kbd> and <kbd>]</kbd> change the channel, <kbd>PgUp</kbd> and <kbd>PgDn</kbd> the layer. The frame on the image shows which pixels that value sees.</span></p>
<noscript><p class="note"><b>Scripts are off.</b> The table above needs none; the walk does.</p></noscript>
<div class="walk"><div class="side"><div class="choices" id="choices" role="group" aria-label="Choose an image"></div>
<div class="stack"><canvas id="picture" role="img" aria-label="The chosen image"></canvas><div id="field"></div></div><p class="soft small" id="file" style="margin: 6px 0 0; overflow-wrap: anywhere"></p><div class="odds" id="odds"></div></div>
<div><ol class="steps" id="steps">{% for row in rows %}<li class="{{ row.kind }}{{ " within" if row.depth }}" data-step="{{ loop.index0 }}"><h3>{{ row.name }} <span class="soft num">{{ row.input }} → {{ row.output }}</span></h3><p class="soft">{{ row.purpose }}</p><div class="strip"></div></li>
{% endfor %}<li class="softmax"><h3>{{ "sigmoid" if classes == 2 else "softmax" }}</h3><p class="soft">{% if classes == 2 %}Turns the last value z into a probability of the second class: 1 / (1 + e⁻ᶻ).{% else %}Turns the last values z into probabilities that add up to 1: eᶻ of each, over the sum of all.{% endif %}</p><div class="strip"></div></li></ol>
<div id="says" role="status" aria-live="polite"><p class="soft">Move over a picture to see how its value came about.</p></div></div></div>
</section>
</main>
<script type="application/json" id="lesson">{{ lesson }}</script>
<script>{{ script }}</script>
</body></html>
"""
