"""What params.yaml says about the registry."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pipeline.config import Section


class RegisterLimits(Section):
    """What a champion may cost; who is over one can only be promoted by hand. null: no limit."""

    latency_ms: float | None = Field(default=None, gt=0)  # of one image, by the exported program on this machine
    megabytes: float | None = Field(default=None, gt=0)  # of the exported program
    parameters: int | None = Field(default=None, ge=1)


class RegisterParams(Section):
    """`register`: the name in the registry, `auto` for convoy-<source>; what it takes to become champion; the licence."""

    name: str = Field(default="auto", min_length=1, max_length=200, pattern=r"^[A-Za-z0-9][A-Za-z0-9._ -]*$")
    rule: Literal["no-worse", "better"] = "no-worse"
    margin: float = Field(default=0.0, ge=0, lt=1)  # of accuracy
    limits: RegisterLimits = Field(default_factory=RegisterLimits)
    licence: str | None = Field(default=None, min_length=1, max_length=200)  # of the model

    def registered_name(self, source: str) -> str:
        """The name that models trained on `source` are registered under."""
        return f"convoy-{source}" if self.name == "auto" else self.name
