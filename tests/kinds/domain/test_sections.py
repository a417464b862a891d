"""A domain is put together from sections, each of which is listed once."""

from importlib import import_module
from pathlib import Path

from kvmreconcile.kinds import domain
from kvmreconcile.kinds.domain.section import Section
from kvmreconcile.kinds.domain.sections import SECTIONS

ROOT = Path(domain.__file__).parent


def sections() -> list[Section]:
    """Return the sections that modules define."""
    names = sorted(str(file.relative_to(ROOT).with_suffix("")) for file in ROOT.rglob("*.py"))
    modules = [import_module(f"{domain.__name__}.{name.replace('/', '.')}") for name in names]
    return [module.SECTION for module in modules if hasattr(module, "SECTION")]


def test_every_section_is_listed() -> None:
    assert sorted(map(id, sections())) == sorted(map(id, SECTIONS))


def test_field_names_are_unique_among_sections() -> None:
    fields = [name for each in SECTIONS if each.fields for name in each.fields.model_fields]

    assert len(fields) == len(set(fields))
    assert set(fields) <= set(domain.KIND.spec.model_fields)
