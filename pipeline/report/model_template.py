"""The report on a model as a Jinja template: one file, no address outside it."""
# ruff: noqa: E501 HTML and CSS keep on a line what belongs together

from __future__ import annotations

STYLE = """
.hero { display: grid; gap: 14px; grid-template-columns: minmax(0, 5fr) minmax(0, 4fr) minmax(0, 4fr); margin: 18px 0 8px; } .hero .tall { grid-row: span 2; }
.big { font-size: 54px; line-height: 1.05; font-weight: 650; letter-spacing: -.03em; font-variant-numeric: tabular-nums; margin: 0; max-width: none; } .unit { font-size: 15px; font-weight: 400; letter-spacing: 0; color: var(--soft); }
.middle { font-size: 24px; line-height: 1.2; font-weight: 650; letter-spacing: -.015em; font-variant-numeric: tabular-nums; margin: 0 0 2px; }
dl { display: grid; grid-template-columns: auto auto; gap: 1px 12px; margin: 8px 0 0; font-size: 13.5px; justify-content: space-between; } dt { color: var(--soft); overflow-wrap: anywhere; } dd { margin: 0; text-align: right; font-variant-numeric: tabular-nums; }
.decided { margin: 0 0 8px; } .decided p { max-width: none; } .decided .soft { margin: 0; font-size: 13.5px; }
.hero ul { font-size: 13.5px; padding-left: 17px; margin: 6px 0 0; } .hero svg.chart { margin: 4px 0 0; }
.confusion { width: auto; font-size: 13px; margin: 6px auto 12px; } .confusion td { text-align: center; min-width: 34px; padding: 5px; border: 1px solid var(--card); font-variant-numeric: tabular-nums; color: var(--soft); } .confusion td.hit { color: var(--ink); background: rgb(var(--first-rgb) / var(--share)); } .confusion td.miss { background: rgb(var(--second-rgb) / calc(.12 + .88 * var(--share))); color: var(--ink); } .confusion td.deep { color: #fff; } .confusion th { padding: 5px 8px; border: 0; font-weight: 500; color: var(--ink); } .confusion th.up { writing-mode: vertical-rl; transform: rotate(180deg); text-align: left; vertical-align: top; max-height: 130px; overflow: hidden; }
@media screen and (prefers-color-scheme: dark) { .confusion td.deep { color: #0c1116; } }
.images { display: grid; gap: 14px; grid-template-columns: repeat(auto-fill, minmax(140px, 1fr)); margin: 14px 0; } .images figure { padding: 10px; } .images.pairs { grid-template-columns: repeat(auto-fill, minmax(236px, 1fr)); } .pair { display: grid; grid-template-columns: 1fr 1fr; gap: 6px; }
.images figcaption { overflow-wrap: anywhere; line-height: 1.4; } .images b { color: var(--ink); } .wrong { color: var(--second); font-weight: 600; } .right { color: var(--third); font-weight: 600; }
tr.chosen td { font-weight: 600; } tr.chosen td:first-child { box-shadow: inset 3px 0 var(--second); } details summary { cursor: pointer; color: var(--first); margin: 8px 0; }
.small-multiples { margin: 0; grid-template-columns: repeat(auto-fit, minmax(min(100%, 200px), 1fr)); } .small-multiples figure, .four figure { padding: 10px; }
.columns { columns: 3 260px; column-gap: 28px; font-size: 13.5px; } .columns div { display: flex; justify-content: space-between; gap: 10px; border-bottom: 1px solid var(--line); padding: 2px 0; break-inside: avoid; } .columns .still { color: var(--soft); }
@media (max-width: 1000px) { .hero { grid-template-columns: 1fr 1fr; } .hero .tall { grid-row: auto; grid-column: span 2; } } @media (max-width: 640px) { .four, .small-multiples { grid-template-columns: 1fr 1fr; gap: 10px; } .hero { grid-template-columns: minmax(0, 1fr); } .hero .tall { grid-column: auto; } .big { font-size: 44px; } }
@media print { .hero { grid-template-columns: 5fr 4fr; gap: 9px; } .hero .tall { grid-row: auto; grid-column: auto; } .big { font-size: 34px; } .middle { font-size: 16px; } dl, .hero ul, .columns { font-size: 10.5px; } .hero p { font-size: 10.5px !important; } .hero .big { font-size: 34px !important; } .hero .middle { font-size: 16px !important; }
  .images { grid-template-columns: repeat(6, 1fr); gap: 8px; } .images.pairs { grid-template-columns: repeat(4, 1fr); } .images figure { padding: 6px; } .images figcaption { font-size: 9px; } .small-multiples { grid-template-columns: 1fr 1fr; margin: 0; } .columns { columns: 3; column-gap: 18px; }
  .trials { font-size: 9.5px; } .trials th { font-size: 8.5px; white-space: normal; } .trials th, .trials td { padding: 2px 4px; } }
"""

TEMPLATE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>{{ data.source }}: report on model {{ digests.model[:12] }}</title>
<style>{{ style }}</style>
</head>
<body><main>
{%- macro seen(image) %}<b class="{{ "right" if image.right else "wrong" }}">{{ image.predicted }}</b> {{ image.p }}{% if not image.right %}<br>is <b>{{ image.actual }}</b>, said {{ image.p_actual }}{% endif %}<br>{{ image.file }}{% endmacro %}
<header>
<h1>{{ data.source }}: the best network found</h1>
<p class="soft" style="max-width: none">{{ data.images }} · {{ data.classes | length }} classes · {{ data.shape }} · model <code>{{ digests.model[:12] }}</code> · study <code>{{ study_id }}</code></p>
<section class="hero" aria-label="The answer">
<div class="card tall">
<p class="label">{{ answer.score.name }} on the sealed test split</p>
<p class="big">{{ answer.score.value }}</p>
<p class="soft num">{{ answer.confidence }} interval {{ answer.score.low }}–{{ answer.score.high }}, of {{ answer.n }} images</p>
{{ answer.chart }}
<ul>{% for statement in answer.statements %}<li>{{ statement[0] | upper }}{{ statement[1:] }}.</li>{% endfor %}</ul>
</div>
<div class="card tall">
<p class="label">Winner</p>
<p class="middle">{{ answer.winner.family }} <span class="unit">trial {{ answer.winner.trial }}{{ ", named by hand" if answer.winner.named }}</span></p>
<p class="soft num">{{ answer.winner.parameters }} parameters<br>{{ answer.winner.multiply_adds }} multiply-adds an image</p>
<dl>{% for name, value in answer.winner.hyperparameters %}<dt>{{ name }}</dt><dd>{{ value }}</dd>{% endfor %}</dl>
<p class="small" style="margin: 10px 0 0"><a href="#winner">all of them</a>, <a href="explainer.html">its layers explained</a></p>
</div>
<div class="card">
<p class="label">Cost</p>
<p class="middle">{{ answer.cost.trials }} trials <span class="unit">in {{ answer.cost.wall }}</span></p>
<p class="soft num" style="margin: 0; font-size: 13.5px">{% for count, state in answer.cost.states %}{{ count }} {{ state }}{{ ", " if not loop.last }}{% endfor %}{% if answer.cost.again %}; {{ answer.cost.again }} trained again{% endif %}.
{{ answer.cost.epochs }} epochs, {{ answer.cost.training }} of training.{% if answer.cost.ended_by %} Ended by its budget: {{ answer.cost.ended_by }}.{% endif %}</p>
</div>
<div class="card">
<p class="label">Other test scores</p>
<dl style="margin: 0">{% for score in answer.others %}<dt>{{ score.name }}</dt><dd>{{ score.value }} <span class="soft small">{{ score.low }}–{{ score.high }}</span></dd>{% endfor %}<dt>calibration error</dt><dd>{{ answer.calibration_error }}</dd></dl>
</div>
</section>
{{ undecided }}
<nav aria-label="Sections"><a href="#search">Search</a><a href="#mattered">What mattered</a><a href="#time">Time</a><a href="#curves">Learning curves</a><a href="#test">Classes</a><a href="#calibration">Calibration</a><a href="#mistakes">Mistakes</a><a href="#saliency">Where it looked</a><a href="#data">Data</a><a href="#again">Again</a></nav>
</header>

<section id="search"><h2>The search</h2>
<p class="soft">{% for name, text in search.facts.items() if name in ("searched", "budget") %}{{ name | capitalize }}: {{ text }}. {% endfor %}</p>
<div class="grid two"><figure>{{ search.history }}<figcaption>Each completed trial, where the others were stopped, and the best so far. The best of many is partly luck: see the scores above.</figcaption></figure>
<figure>{{ search.reached }}<figcaption>What each trial cost and what it reached: to the left are the cheap ones.</figcaption></figure></div>
<div class="scroll"><table class="trials"><tr><th class="n">trial</th><th>state</th><th class="n">{{ metric }}</th><th class="n">new seeds</th><th class="n">epochs</th><th class="n">time</th>{% for name in search.columns %}<th class="n">{{ name }}</th>{% endfor %}</tr>
{% for trial in search.trials %}<tr{% if trial.chosen %} class="chosen"{% endif %}><td class="n">{{ trial.number }}</td><td style="white-space: nowrap">{{ trial.state }}{{ ", chosen" if trial.chosen }}</td><td class="n">{{ trial.value }}</td><td class="n">{{ trial.again }}</td><td class="n">{{ trial.epochs }}</td><td class="n">{{ trial.time }}</td>{% for value in trial.hyperparameters %}<td class="n">{{ value }}</td>{% endfor %}</tr>
{% endfor %}</table></div>
<p class="soft small">{% if search.more %}{{ search.more }} more in <code>results/search/leaderboard.csv</code>. {% endif %}Stopped trials show where they stood.</p>
</section>

<section id="mattered"><h2>What mattered</h2>
{% if search.importance %}{% if search.thin %}<p class="note"><b>Thin data.</b> {{ search.thin | join("; ") }}: read the bars as a hint and no more.</p>{% endif %}
<div class="grid two"><figure><h3>Importance</h3>{{ search.importance }}<figcaption>fANOVA (Hutter et al. 2014) over {{ search.judged_trials }} trials, each with its {{ metric }} where it ended: a stopped trial counts with less than it would have reached. Forests foretell {{ search.explained }} of the variance of trials they have not seen.{% if search.conditional %} Not judged, because searched under a condition only: {{ search.conditional | join(", ") }}.{% endif %}</figcaption></figure>
{% if search.slices %}<div class="grid small-multiples">{% for slice in search.slices[:4] %}<figure>{{ slice }}</figure>{% endfor %}</div>{% endif %}</div>
<p class="soft small">A bar says how much of the difference between configurations goes with this hyperparameter alone, over the whole range that was searched; what several do together is in no bar. A short bar may still ruin a network outside that range, and the sampler leaves bad regions early, so that they weigh less than they would. The small charts show {{ metric }} over each of the hyperparameters that mattered most: points completed, crosses were stopped, the ring is the winner.</p>
{% else %}<p>Too few different trials to say what mattered.</p>{% endif %}
{% if search.slices %}<div class="grid four">{% for slice in search.slices[4 if search.importance else 0:] %}<figure>{{ slice }}</figure>{% endfor %}</div>
<figure class="wide"><h3>Parallel coordinates</h3>{{ search.parallel }}<figcaption>A line a trial: the best tenth in blue, the chosen one in orange; where a hyperparameter does not apply the line is broken.</figcaption></figure>{% endif %}
</section>

<section id="time"><h2>Where the time went</h2>
<div class="scroll"><table><tr><th>trials</th><th class="n">runs</th><th class="n">epochs</th><th class="n">training</th><th></th></tr>
{% for row in search.times.rows %}<tr><td>{{ row.what }}</td><td class="n">{{ row.runs }}</td><td class="n">{{ row.epochs }}</td><td class="n">{{ row.time }}</td><td><span class="bar"><i style="width: {{ row.share }}%"></i></span></td></tr>{% endfor %}</table></div>
<p>{{ search.times.total }} of training in {{ search.times.wall }} of wall time{% if search.times.at_once %}, {{ search.times.at_once }} trainings at once on average{% endif %}. {% set s = search.stopping %}{% if s.stopped %}Stopping ended {{ s.stopped }} trials and saved {{ s.epochs_saved }} of {{ s.epochs_trained + s.epochs_saved }} planned epochs. {% else %}No trial was stopped early. {% endif %}{% if s.audited %}{{ s.audited }} trials were never stopped, to see what stopping costs: the rule would have ended {{ s.would_stop }} of them; {{ s.top }} of them were among the best, and of these it would have ended {{ s.top_would_stop }}.{% elif s.stopped %}No trial was exempt from stopping, so what it cost is unknown (<code>search.audit_share</code>).{% endif %}</p>
</section>

<section id="curves"><h2>Learning curves of the winner</h2>
<div class="grid two"><figure>{{ search.losses }}<figcaption>The refit trains on train + val from a new start, so it has no val loss. With label smoothing or augmentation the train loss may lie above that of val.</figcaption></figure>
<figure>{{ search.curves }}<figcaption>The metric of every trial by epoch, the winner in orange.</figcaption></figure></div>
<div class="card" id="winner"><p class="label">All hyperparameters</p><div class="columns">{% for name, value, varied in search.hyperparameters %}<div{% if not varied %} class="still"{% endif %}><span>{{ name }}</span><span class="num">{{ value }}</span></div>{% endfor %}</div><p class="soft small" style="margin: 8px 0 0">Pale: not searched.</p></div>
</section>

<section id="test"><h2>Class by class</h2>
<div class="scroll"><table><tr><th>class</th><th class="n">images</th><th class="n">precision</th><th class="n">recall</th><th class="n">{{ answer.confidence }} interval</th><th class="n">F1</th><th></th></tr>
{% for one in test.listed %}<tr><td>{{ one.name }}</td><td class="n">{{ one.n }}</td><td class="n">{{ one.precision }}</td><td class="n">{{ one.recall }}</td><td class="n soft">{{ one.range }}</td><td class="n">{{ one.f1 }}</td><td><span class="bar"><i style="width: {{ one.share }}%"></i></span></td></tr>
{% endfor %}</table></div>
<p class="soft small">The interval is Wilson's, of the recall.{% if test.listed | length < test.classes | length %} The {{ test.listed | length }} worst of {{ test.classes | length }} classes; all of them are in <code>results/evaluation/per_class.csv</code>.{% endif %}</p>
{% if test.confusion %}<h3>Confusion matrix</h3><div class="scroll"><table class="confusion"><tr><th></th><th colspan="{{ test.confusion | length }}" class="soft" style="text-align: center">predicted</th></tr><tr><th style="text-align: right" class="soft">actual</th>{% for one in test.classes %}<th class="{{ "up" if one.name | length > 3 }}" style="{{ "text-align: center" if one.name | length <= 3 }}">{{ one.name }}</th>{% endfor %}</tr>
{% for row in test.confusion %}<tr><th style="text-align: right">{{ test.classes[loop.index0].name }}</th>{% for cell in row %}<td{% if cell.count %} class="{{ "hit" if cell.right else "miss" }}{{ " deep" if cell.share > 0.55 }}" style="--share: {{ cell.share }}" title="{{ test.classes[loop.index0].name }}: {{ "%.1f" | format(100 * cell.share) }} % of this row"{% endif %}>{{ cell.count or "·" }}</td>{% endfor %}</tr>{% endfor %}</table></div>
{% else %}<p>The whole matrix is in <code>results/evaluation/confusion_matrix.csv</code> and <code>.png</code>.</p>{% endif %}
{% if test.confused %}<p>Most confused: {% for pair in test.confused %}<b>{{ pair.actual }}</b> taken for <b>{{ pair.predicted }}</b> ({{ pair.count }} of {{ pair.of }}){{ "; " if not loop.last }}{% endfor %}.</p>{% endif %}
{% if test.binary %}<h3>Thresholds</h3><div class="grid two">{% for one in test.binary %}<figure>{{ one.chart }}<figcaption>{{ one.text }}</figcaption></figure>{% endfor %}</div>{% endif %}
</section>

<section id="calibration"><h2>Can its probabilities be believed?</h2>
<p>The model is sure of {{ test.mean_confidence }} on average, and right in {{ accuracy }} of the cases; the expected calibration error is {{ test.calibration_error }}. Of few images it is above 0 even for a perfect model.</p>
<div class="grid two"><figure>{{ test.reliability }}<figcaption>Below the diagonal the model is too sure of itself, above it too modest. Bars are {{ answer.confidence }} intervals.</figcaption></figure>
<figure>{{ test.confidences }}<figcaption>How sure it was of how many images.</figcaption></figure></div>
</section>

<section id="mistakes"><h2>Its surest mistakes</h2>
{% if test.mistakes %}<p>{{ test.wrong }} of {{ answer.n }} images are wrong; those first of which the model was surest. A wrong label shows here before anywhere else. Pictures are as the network reads them.</p>
<div class="images">{% for image in test.mistakes %}<figure><img class="picture" src="{{ image.picture }}" alt="{{ image.actual }}, predicted as {{ image.predicted }}"><figcaption>{{ seen(image) }}</figcaption></figure>{% endfor %}</div>
{% else %}<p>There are none among the {{ answer.n }} images.</p>{% endif %}
</section>

<section id="saliency"><h2>Where it looked</h2>
<p>Orange pixels spoke for the predicted class, blue ones against it: integrated gradients (Sundararajan et al. 2017) from the mean image of the training to this one. They say what moved the answer, not why.</p>
<div class="images pairs">{% for image in test.looked %}<figure><div class="pair"><img class="picture" src="{{ image.picture }}" alt="{{ image.actual }}"><img class="picture" src="{{ image.overlay }}" alt="What spoke for {{ image.predicted }}"></div><figcaption>{{ seen(image) }}</figcaption></figure>{% endfor %}</div>
</section>

<section id="data"><h2>The data, and that it did not leak</h2>
<div class="scroll"><table><tr><th></th><th class="n">train</th><th class="n">val</th><th class="n">test</th></tr>
<tr><td>images</td>{% for side in ("train", "val", "test") %}<td class="n">{{ "{:,}".format(certificate.images[side]) }}</td>{% endfor %}</tr><tr><td>distinct</td>{% for side in ("train", "val", "test") %}<td class="n">{{ "{:,}".format(certificate.distinct[side]) }}</td>{% endfor %}</tr></table></div>
<p>The <a href="../../reports/split_certificate.html">certificate of the split</a> <code>{{ certificate.digest[:16] }}</code> {{ "holds" if certificate.holds else "does not hold" }}: {{ certificate.shared.digests }} identical images,
{{ certificate.shared.groups }} groups{% if certificate.near_duplicates.radius %} and {{ certificate.shared.clusters }} clusters of near-duplicates{% endif %} are on more than one side. Checked again before the test images were opened.</p>
</section>

<section id="again"><h2>Have exactly it again</h2>
<pre>{% if commit %}git checkout {{ commit }}
{% endif %}pip install -c requirements.lock -e .
dvc repro</pre>
<p class="soft">{% if uncommitted %}The search ran with changes that were not committed: the commit alone does not give this model. {% endif %}dvc.lock of the same commit holds the digest of every input and output. On the same processor and the same versions the weights come out bit for bit, on others within rounding. Once it is registered, <code>convoy rebuild VERSION</code> does all of this and says how like it is.</p>
<div class="scroll"><table>{% for name, value in digests.items() %}<tr><td>{{ name }}</td><td><code>{{ value }}</code></td></tr>{% endfor %}<tr><td>refit.seed</td><td class="num">{{ seed }}</td></tr></table></div>
</section>
</main></body></html>
"""
