"""What params.yaml says about the registry."""

from __future__ import annotations

from pydantic import Field

from pipeline.config import Section


class RegisterParams(Section):
    """`register`: the name in the registry, `auto` for convoy-<source>."""

    name: str = Field(default="auto", min_length=1, max_length=200, pattern=r"^[A-Za-z0-9][A-Za-z0-9._ -]*$")

    def registered_name(self, source: str) -> str:
        """The name that models trained on `source` are registered under."""
        return f"convoy-{source}" if self.name == "auto" else self.name
