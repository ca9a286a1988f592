"""The report once the registry has decided: the same page beside the project's results, with the decision on its first screen."""

from __future__ import annotations

from markupsafe import Markup

from pipeline.errors import StageOutOfDate

_BEGINS, _ENDS = "<!-- against the champion -->", "<!-- end -->"
UNDECIDED = Markup(  # noqa: S704 our own constant
    f'{_BEGINS}<p class="soft small">Whether this model becomes champion is decided by <code>convoy register</code>, against the '
    f"present one on the same test images: <code>results/report.html</code> is this page with its decision.</p>{_ENDS}"
)
_DECIDED = Markup(
    '<section class="card decided" aria-label="Against the champion">'
    '<p class="label">Against the champion, when it was registered</p>'
    '<p class="middle">{title} <span class="unit">{name} version {version}</span></p>'
    '<p class="soft num">{reason}. Its test images were looked at by {looks} so far.</p></section>'
)
_LINKS = {'href="explainer.html"': 'href="evaluation/explainer.html"', 'href="../../reports/': 'href="../reports/'}


def decided(page: str, *, title: str, name: str, version: str, reason: str, looks: str) -> str:
    """`page` as model_page made it for results/evaluation, to lie in results/; raises StageOutOfDate if an older one made it.

    title: champion or not; reason: of the gate; looks: by how many models, in words.
    """
    before, begins, rest = page.partition(_BEGINS)
    _, ends, after = rest.partition(_ENDS)
    if not (begins and ends):
        why = "the report has no place for the decision"
        raise StageOutOfDate("the report", where="results/evaluation/report.html", why=why, remedy="run `dvc repro`")
    reason = reason[:1].upper() + reason[1:]
    decision = str(_DECIDED.format(title=title, name=name, version=version, reason=reason, looks=looks))
    told = f"{before}{decision}{after}"
    for old, new in _LINKS.items():
        told = told.replace(old, new)
    return told
