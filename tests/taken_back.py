"""
A pytest plugin: import tests in a product whose fix was reverted.

A name or module of the product that is missing becomes a placeholder. A test that uses one is skipped, since its failure
would prove nothing about the problem; the others run on the product without the fix.
"""

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import pkgutil
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any, Never

import pytest

_PRODUCT = "kvmreconcile"


class _Placeholder(type):
    """A class that annotations and imports may name, but no test can use."""

    def __call__(cls, *_: object, **__: object) -> Never:
        pytest.skip(f"{cls.__name__} was taken back", allow_module_level=True)

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        pytest.skip(f"{cls.__name__}.{name} was taken back", allow_module_level=True)


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds missing modules of the product, after all other finders."""

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname.partition(".")[0] != _PRODUCT:
            return None
        return importlib.util.spec_from_loader(fullname, self, is_package=True)

    def exec_module(self, module: ModuleType) -> None:
        _complete(module)


def _complete(module: ModuleType) -> None:
    def missing(name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Placeholder(name, (), {})

    vars(module).setdefault("__getattr__", missing)


def _complete_all() -> None:
    package = importlib.import_module(_PRODUCT)
    _complete(package)
    for found in pkgutil.walk_packages(package.__path__, f"{_PRODUCT}."):
        if not found.name.endswith("__main__"):
            _complete(importlib.import_module(found.name))


sys.meta_path.append(_Finder())
_complete_all()
