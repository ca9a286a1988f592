"""The page of the split certificate as a Jinja template: one file, no address outside it."""
# ruff: noqa: E501 HTML and CSS keep on a line what belongs together

from __future__ import annotations

STYLE = """
:root { --ink: #1d2733; --soft: #5b6875; --line: #e2e7ec; --ground: #f5f7f9; --card: #fff; --good: #1a7f4b; --bad: #b3261e;
  --warn: #9a6700; --train: #3f6fb5; --val: #d9902f; --test: #8b5fb0; }
@media screen and (prefers-color-scheme: dark) { :root { --ink: #e4e9ee; --soft: #9aa7b4; --line: #2c3641; --ground: #12181f; --card: #1a222b;
  --good: #4cc38a; --bad: #ff7b72; --warn: #e3b341; --train: #6c9be0; --val: #e6a856; --test: #b08ad4; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.55 system-ui, "Segoe UI", Roboto, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 32px 24px 64px; }
h1 { font-size: 27px; margin: 0 0 4px; letter-spacing: -.01em; }
h2 { font-size: 18px; margin: 40px 0 12px; }
p { margin: 0 0 12px; } .soft { color: var(--soft); } code { font: 13px ui-monospace, "SF Mono", Menlo, monospace; }
.wrap { overflow-wrap: anywhere; }
.verdict { display: inline-block; padding: 3px 12px; border-radius: 99px; font-weight: 600; color: #fff; background: var(--good); }
.verdict.broken { background: var(--bad); } .cards { display: grid; grid-template-columns: repeat(3, 1fr); gap: 14px; margin: 24px 0 8px; }
.card { background: var(--card); border: 1px solid var(--line); border-top: 4px solid var(--side); border-radius: 10px; padding: 14px 18px; }
.card b { display: block; font-size: 28px; line-height: 1.2; } .card span { color: var(--soft); font-size: 13.5px; }
.train { --side: var(--train); } .val { --side: var(--val); } .test { --side: var(--test); }
table { border-collapse: collapse; width: 100%; background: var(--card); border: 1px solid var(--line); border-radius: 10px; overflow: hidden; }
th, td { text-align: left; padding: 7px 14px; border-top: 1px solid var(--line); vertical-align: middle; }
tr:first-child > * { border-top: 0; } th { font-weight: 600; color: var(--soft); font-size: 13px; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; } td.name { overflow-wrap: anywhere; max-width: 340px; }
.bar { display: flex; height: 10px; border-radius: 5px; overflow: hidden; min-width: 150px; background: var(--line); }
.bar i { background: var(--side); } .tag { font-size: 12px; color: var(--warn); border: 1px solid; border-radius: 4px; padding: 0 5px; }
.ok::before { content: "✓ "; color: var(--good); font-weight: 700; } .no::before { content: "✗ "; color: var(--bad); font-weight: 700; }
.note::before { content: "! "; color: var(--warn); font-weight: 700; }
.pairs { display: grid; grid-template-columns: repeat(auto-fill, minmax(236px, 1fr)); gap: 14px; }
figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 12px; }
figure div { display: flex; gap: 8px; } figure div > span { flex: 1; min-width: 0; }
img { width: 100%; aspect-ratio: 1; image-rendering: pixelated; border-radius: 6px; display: block; border-bottom: 4px solid var(--side); }
figcaption { font-size: 12.5px; color: var(--soft); margin-top: 8px; overflow-wrap: anywhere; } figcaption b { color: var(--ink); }
.side { color: var(--side); font-weight: 600; } ul { margin: 0; padding-left: 20px; }
@media (max-width: 640px) { .cards { grid-template-columns: 1fr; } main { padding: 20px 14px; } }
@page { size: A4; margin: 14mm 13mm; }
@media print { :root { color-scheme: light; } * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } body { background: #fff; font-size: 11px; } main { max-width: none; padding: 0; } h2, h2 + p { break-after: avoid; } figure, .card, tr, li { break-inside: avoid; } }
"""

TEMPLATE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>Split certificate {{ c.digest[:12] }}</title>
<style>{{ style }}</style>
</head>
<body><main>
{%- macro sides(counts) %}{% for name, count in counts.items() %}<span class="side {{ name }}">{{ count }} {{ name }}</span>{{ ", " if not loop.last }}{% endfor %}{% endmacro %}
{%- macro check(count, excused, what) %}
<li class="{{ "ok" if not count else "note" if count <= excused else "no" }}">{{ "{:,}".format(count) }} {{ what }} on more than one side
{%- if count and count <= excused %}, all of them leaks of the given splits, reported below{% endif %}</li>{% endmacro %}
<h1>Split certificate</h1>
<p class="soft">Certificate <code>{{ c.digest[:16] }}</code> · seed {{ c.seed }} ·
{{ "{:,}".format(c.images.values() | sum) }} images, {{ "{:,}".format(c.distinct.values() | sum) }} distinct</p>
<p>{% if c.holds %}<span class="verdict">holds</span>{% else %}<span class="verdict broken">does not hold</span>
 {{ c.problems | join("; ") }}{% endif %}</p>

<div class="cards">{% for name, count in c.images.items() %}
<div class="card {{ name }}"><span class="side {{ name }}">{{ name }}</span><b>{{ "{:,}".format(count) }}</b>
<span>{{ "%.2f" | format(100 * c.shares.got[name]) }} % of the images
{%- if name in c.shares.asked %}, asked: {{ "%g" | format(100 * c.shares.asked[name]) }} %{{ " of what is given as train" if c.given }}{% elif name in c.given %}, as given{% endif %}
<br>{{ "{:,}".format(c.distinct[name]) }} distinct</span></div>{% endfor %}
</div>

<h2>What is shared between train, val and test</h2>
<ul style="list-style: none; padding: 0">
{{- check(c.shared.digests, 0, "identical images") }}
{% if c.groups.groups %}{{ check(c.shared.groups, c.leaks.reported.group, "groups") }}{% endif %}
{% if c.near_duplicates.radius %}{{ check(c.shared.clusters, c.leaks.reported["near-duplicates"], "clusters of near-duplicates") }}
{% else %}<li class="note">Near-duplicates were not looked for (split.near_duplicates: off)</li>{% endif %}
</ul>
<p class="soft">Counted in the finished table.
{% if c.near_duplicates.radius %}Images up to {{ c.near_duplicates.radius }} apart are near-duplicates: {{ "{:,}".format(c.near_duplicates.images) }} images in
{{ "{:,}".format(c.near_duplicates.clusters) }} clusters, each image within that distance of the medoid of its cluster.
{% if c.near_duplicates.pairs_apart %}{{ "{:,}".format(c.near_duplicates.pairs_apart) }} pairs as near as that stand on different sides, because clusters are not chained
{%- if c.leaks.reported["near-duplicates"] %} or the given split is kept{% endif %}.{% endif %}{% endif %}</p>

<h2>Nearest pairs on different sides</h2>
{% if pairs %}<p class="soft">0 is the same picture, 1 has nothing in common with it. Pictures are shown as they are compared: 32 × 32 pixels.</p>
<div class="pairs">{% for pair in pairs %}
<figure><div>{% for part in pair.parts %}<span class="{{ part.side }}">{% if part.picture %}<img src="{{ part.picture }}" alt="">{% endif %}</span>{% endfor %}</div>
<figcaption><b>{{ "%.3f" | format(pair.distance) }}</b>{% if 0 < c.near_duplicates.radius >= pair.distance %} <span class="tag">within the radius</span>{% endif %}
{% for part in pair.parts %}<br><span class="side {{ part.side }}">{{ part.side }}</span> {{ part.name }}{% endfor %}</figcaption></figure>{% endfor %}
</div>{% else %}<p>No two images on different sides resemble each other.</p>{% endif %}

<h2>Classes</h2>
<table><tr><th>class</th><th class="n">train</th><th class="n">val</th><th class="n">test</th><th></th></tr>
{% for label, counts in c.classes.items() %}{% set total = counts.values() | sum %}
<tr><td class="name">{{ label }}{% if label in c.ranked_classes %} <span class="tag">ranked</span>{% endif %}</td>
{% for name in ("train", "val", "test") %}<td class="n">{{ "{:,}".format(counts[name]) }}</td>{% endfor %}
<td><div class="bar">{% for name in ("train", "val", "test") %}<i class="{{ name }}" style="width: {{ "%.3f" | format(100 * counts[name] / total if total else 0) }}%"></i>{% endfor %}</div></td></tr>
{% endfor %}</table>
{% if c.ranked_classes %}<p class="soft">Ranked: too few images for thresholds, so that the side follows from the order of the same hash.</p>{% endif %}
{% if c.absent_classes.val or c.absent_classes.test %}<p>Without an image in val: {{ c.absent_classes.val | join(", ") or "none" }}; in test: {{ c.absent_classes.test | join(", ") or "none" }}.</p>{% endif %}
{% if c.digests_with_several_labels %}<p>{{ "{:,}".format(c.digests_with_several_labels) }} distinct images stand under several labels; all copies are on one side.</p>{% endif %}

{% if c.given %}<h2>The split that the source gives</h2>
<p>Given: {{ c.given | join(", ") }}. Moved to one side: {{ c.leaks.moved.pixels }} identical images, {{ c.leaks.moved.group }} groups,
{{ c.leaks.moved["near-duplicates"] }} clusters. Reported and left: {{ c.leaks.reported.group }} groups, {{ c.leaks.reported["near-duplicates"] }} clusters.</p>
{% if c.leaks.examples %}<table><tr><th>on several sides</th><th>name</th><th>where</th><th></th></tr>
{% for leak in c.leaks.examples[:20] %}<tr><td>{{ leak.kind }}</td><td class="name">{{ names.get(leak.name, leak.name) }}</td><td>{{ sides(leak.sides) }}</td><td>{{ "now in the strictest" if leak.moved else "left" }}</td></tr>
{% endfor %}</table>{% if c.leaks.examples | length > 20 %}<p class="soft">… more of them in split_certificate.json.</p>{% endif %}{% endif %}{% endif %}

{% if clusters %}<h2>Largest clusters of near-duplicates</h2>
<table><tr><th style="width: 72px"></th><th>medoid</th><th class="n">images</th></tr>
{% for cluster in clusters %}<tr><td>{% if cluster.picture %}<img src="{{ cluster.picture }}" alt="" style="border: 0; width: 48px">{% endif %}</td>
<td class="name">{{ cluster.name }}</td><td class="n">{{ cluster.size }}</td></tr>{% endfor %}</table>{% endif %}

{% if c.groups.groups %}<h2>Groups</h2><p>{{ "{:,}".format(c.groups.groups) }} groups.
{% if c.groups.united %}These share images or near-duplicates and were treated as one: {% for names in c.groups.united %}{{ names | join(" + ") }}{{ "; " if not loop.last }}{% endfor %}.{% endif %}</p>{% endif %}
{% if c.folds %}<h2>Folds of train + val</h2><p>{% for count in c.folds %}{{ loop.index0 }}: {{ "{:,}".format(count) }} distinct images{{ ", " if not loop.last }}{% endfor %}.</p>{% endif %}
{% if c.earlier.kept or c.earlier.moved %}<h2>Since the split before</h2>
<p>{{ "{:,}".format(c.earlier.kept) }} images stayed where they were; {{ "{:,}".format(c.earlier.moved) }} left the side they had,
because they belong together with others now or the source gives them another side.</p>
{% if c.earlier.examples %}<table><tr><th>moved</th><th>before</th><th>now</th></tr>
{% for moved in c.earlier.examples[:20] %}<tr><td class="name">{% for digest in moved.digests[:5] %}{{ names.get(digest, digest) }}{{ ", " if not loop.last }}{% endfor %}{{ " …" if moved.digests | length > 5 }}</td><td>{{ sides(moved.sides) }}</td><td><span class="side {{ moved.side }}">{{ moved.side }}</span></td></tr>
{% endfor %}</table>{% if c.earlier.examples | length > 20 %}<p class="soft">… more of them in split_certificate.json.</p>{% endif %}{% endif %}{% endif %}

<h2>What it was made with</h2>
<table>{% for name, value in c.params.items() %}<tr><td>split.{{ name }}</td><td>{{ value }}</td></tr>{% endfor %}
<tr><td>likeness</td><td>{{ c.near_duplicates.likeness }} <span class="soft">of all pairs of images have similar hashes without being near-duplicates (0 to 1; decides the radius when it is auto)</span></td></tr></table>
<h2>Digests (sha256)</h2>
<table>{% for name, value in c.digests.items() %}<tr><td>{{ name }}{{ " digests" if name in c.images }}</td><td class="wrap"><code>{{ value }}</code></td></tr>{% endfor %}
<tr><td>the whole</td><td class="wrap"><code>{{ c.digest }}</code></td></tr></table>
</main></body></html>
"""
