"""The description of running steps, and of their time limits."""

import pytest

from kvmreconcile.cli.running_steps import RunningSteps
from kvmreconcile.execute.executor import SilentReporter
from kvmreconcile.kinds.domain.calls.detach import _TIMEOUT_S
from kvmreconcile.kinds.domain.calls.values import _BALLOON_TIMEOUT_S
from kvmreconcile.model import Action, Key, Lifecycle, Outcome, Policy, Reason, Result, ShutdownPolicy
from kvmreconcile.model.verbs import verb_of
from kvmreconcile.tree import Effect

pytestmark = pytest.mark.case("51")

POLICY = Policy(lifecycle=Lifecycle(shutdown=ShutdownPolicy(timeout_s=60)))


class Steps:
    """Running steps, with a clock of the test."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.under_way = RunningSteps(SilentReporter(), lambda: self.now_s)

    def start(self, key: str, verb: str, policy: Policy = POLICY) -> Action:
        action = Action(Key.read(key), verb_of(verb), Effect.LIVE, Reason.EDIT, policy=policy)
        self.under_way.started(action)
        return action


@pytest.fixture
def steps() -> Steps:
    return Steps()


UNLIMITED = "until libvirt completes the step, without a time limit (3 s so far)"


@pytest.mark.parametrize(
    ("key", "verb", "said"),
    [
        ("Domain/a", "stop", "at most 57 s for the guest"),
        ("Domain/a", "restart", "at most 57 s for the guest"),
        ("Domain/a", "remove", "at most 57 s for the guest"),
        ("Domain/a", "detach", f"at most {_TIMEOUT_S - 3:.0f} s for the guest"),
        ("Domain/a", "replug", f"at most {_TIMEOUT_S - 3:.0f} s for the guest"),
        ("Domain/a", "set-memory", f"at most {_BALLOON_TIMEOUT_S - 3:.0f} s for the guest"),
        ("Domain/a", "ready", "until the running check ends, usually within 6 s"),
        ("Domain/a", "define", UNLIMITED),
        ("Network/a", "restart", UNLIMITED),
        ("Volume/a/b", "create", UNLIMITED),
    ],
)
def test_running_step_is_described_with_its_time_limit(steps: Steps, key: str, verb: str, said: str) -> None:
    steps.start(key, verb)
    steps.now_s = 3.0

    assert steps.under_way.described() == f"  {verb} {key}: {said}"


def test_after_guest_timeout_step_waits_for_libvirt(steps: Steps) -> None:
    steps.start("Domain/a", "stop")
    steps.now_s = 90.0

    assert steps.under_way.described() == f"  stop Domain/a: {UNLIMITED.replace('3 s', '90 s')}"


def test_guest_without_shutdown_methods_has_no_timeout(steps: Steps) -> None:
    steps.start("Domain/a", "stop", Policy(lifecycle=Lifecycle(shutdown=ShutdownPolicy(ways=()))))

    assert steps.under_way.described() == f"  stop Domain/a: {UNLIMITED.replace('3 s', '0 s')}"


def test_running_steps_have_one_line_each(steps: Steps) -> None:
    first, _ = steps.start("Domain/a", "stop"), steps.start("Network/b", "define")
    assert len(steps.under_way.described().splitlines()) == 2

    steps.under_way.finished(Outcome(first, Result.DONE))

    assert steps.under_way.described().startswith("  define Network/b")


def test_signal_between_steps_waits_for_the_state_database(steps: Steps) -> None:
    assert steps.under_way.described() == "  writes to the state database: at most 10 s each"
