"""torch without its compiler, until somebody compiles."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

_COMPILER = "torch._dynamo"


def leave_out_the_compiler() -> None:
    """Let torch's compiler, a second of imports in every process that makes an optimizer, wait until something of it is needed.

    torch.optim imports it only to say that nothing is to be compiled, which needs no compiler; whatever else is asked loads it.
    """
    sys.modules.setdefault(_COMPILER, _Waiting(_COMPILER))


class _Waiting(ModuleType):
    """Stands in the place of torch._dynamo."""

    @staticmethod
    def graph_break(*_: Any, **__: Any) -> None:
        """Nothing is being compiled that could be interrupted."""

    @staticmethod
    def disable(function: Any = None, *_: Any, **__: Any) -> Any:
        """The function, which is not compiled anyway."""
        return function

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__path__":  # whoever looks through all modules wants no compiler
            raise AttributeError(name)
        if sys.modules.get(_COMPILER) is self:
            del sys.modules[_COMPILER]
        import torch._dynamo  # the statement puts the real one into its place

        return getattr(torch._dynamo, name)
