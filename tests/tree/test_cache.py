"""Results are cached while their texts are used repeatedly."""

import pytest

from kvmreconcile.tree.cache import Generations


class Making:
    """A function that records its arguments."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def __call__(self, text: str) -> str:
        self.made.append(text)
        return text.upper()


@pytest.fixture
def making() -> Making:
    return Making()


def test_result_for_a_repeated_text_is_cached(making: Making) -> None:
    remembered = Generations(making, most=9)

    assert [remembered("a"), remembered("a")] == ["A", "A"]
    assert making.made == ["a"]


def test_texts_used_in_each_generation_stay_cached(making: Making) -> None:
    remembered = Generations(making, most=9)
    remembered("kept")
    remembered("once")
    for _ in range(3):
        remembered.advance()
        remembered("kept")

    assert len(remembered) == 1
    remembered("once")
    assert making.made == ["kept", "once", "once"]


def test_cache_size_is_limited_even_if_no_generation_is_ended_explicitly(making: Making) -> None:
    remembered = Generations(making, most=9)
    for number in range(1000):
        remembered(str(number))

    assert len(remembered) <= 20


@pytest.mark.case("26h")
def test_long_texts_fill_a_generation_faster(making: Making) -> None:
    remembered = Generations(making, most=1000)
    for number in range(100):
        remembered(f"{number}" * 600)

    assert len(remembered) <= 4
