"""The page that `dvc plots show` fills, with the script inside that draws its charts, so that it needs no network.

python docs/make_plots_page.py    needs npm; writes .dvc/plots.html, which git keeps and .dvc/config names
"""

from __future__ import annotations

import subprocess
import tarfile
import tempfile
from pathlib import Path

PAGE = Path(__file__).parents[1] / ".dvc/plots.html"
# The newest of the major versions for which DVC writes its charts (dvc_render/vega.py).
SCRIPTS = {"vega": "5.33.1", "vega-lite": "5.23.0", "vega-embed": "6.29.0"}
# DVC puts its charts in the place of {plot_divs}; the place for its own script tags, which point to a network, is left out.
TEMPLATE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Plots of this project</title>
{refresh_tag}
<style>
:root { color-scheme: light; }
body { margin: 0 auto; max-width: 1280px; padding: 24px; background: #f6f8fa; color: #1c2530;
  font: 15px/1.55 system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
h1 { font-size: 26px; margin: 0; } p { margin: 4px 0 8px; } a { color: #0067b1; }
body > div { background: #fff; border: 1px solid #dfe5ea !important; border-radius: 10px; padding: 16px 18px; margin: 16px 0;
  overflow-x: auto; }
body > div > p { color: #586573; font-size: 13px; } img { max-width: 100%; }
</style>
<!-- SCRIPTS -->
</head>
<body>
<h1>Plots of this project</h1>
<p>Pictures and charts of the last run; <a href="../results/report.html">the whole report</a> says what they mean.</p>
{plot_divs}
</body>
</html>
"""
LICENCE = "Copyright (c) 2015, University of Washington Interactive Data Lab. BSD-3-Clause: https://github.com/vega/{name}"


def script(name: str, version: str, folder: Path) -> str:
    """The script tag of one package, whose digest npm has compared with that of the registry."""
    command = ["npm", "pack", "--silent", f"{name}@{version}"]
    packed = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()
    with tarfile.open(folder / packed) as archive:
        member = archive.extractfile(f"package/build/{name}.min.js")
        assert member is not None, f"{packed} has no {name}.min.js"
        code = member.read().decode()
    for unwanted in ("</script", "{scripts}", "{plot_divs}", "{refresh_tag}"):
        assert unwanted not in code, f"{name} holds {unwanted}, which DVC or the browser would take for its own"
    code = code.rpartition("\n//# sourceMappingURL=")[0] or code
    return f"<script>/* {name} {version}. {LICENCE.format(name=name)} */\n{code}</script>"


def main() -> None:
    """Write the page."""
    with tempfile.TemporaryDirectory() as folder:
        scripts = [script(name, version, Path(folder)) for name, version in SCRIPTS.items()]
    PAGE.write_text(TEMPLATE.replace("<!-- SCRIPTS -->", "\n".join(scripts)), encoding="utf-8")


if __name__ == "__main__":
    main()
