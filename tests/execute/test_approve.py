"""The executors "dry-run" and "approve"."""

from dataclasses import replace

from kvmreconcile.execute import Executor, Tools, approve, dry_run
from kvmreconcile.execute import libvirt as acting
from kvmreconcile.execute.approve import ApproveExecutor
from kvmreconcile.execute.dry_run import DryRunExecutor
from kvmreconcile.model import Key, Plan, Reason, Report, Result, World
from tests.execute.conftest import Stage
from tests.execute.host import KINDS, action, desired, world

PLAN = Plan((action("start", "Domain/a"), action("start", "Domain/b")), digest="cafe")


class Witness:
    """An executor that only records its plans."""

    def __init__(self) -> None:
        self.given: list[Plan] = []

    def execute(self, plan: Plan, _world: World, /) -> Report:
        self.given.append(plan)
        return Report(plan)


def execute(stage: Stage, plan: Plan, digest: str, *, answer: bool) -> tuple[Report, list[Plan], list[Plan]]:
    """Return the report, the executed plans, and the plans that needed a confirmation."""
    inner, asked = Witness(), list[Plan]()

    def confirm(plan: Plan) -> bool:
        asked.append(plan)
        return answer

    report = ApproveExecutor(inner, digest, confirm, stage.diary).execute(plan, world(stage.host))
    return report, inner.given, asked


def test_approved_plan_is_executed_without_confirmation(stage: Stage) -> None:
    _, executed, asked = execute(stage, PLAN, "cafe", answer=False)

    assert (executed, asked) == ([PLAN], [])


def test_confirmed_plan_is_executed(stage: Stage) -> None:
    _, executed, asked = execute(stage, PLAN, "", answer=True)

    assert (executed, asked) == ([PLAN], [PLAN])


def test_plan_without_approval_is_not_executed(stage: Stage) -> None:
    report, executed, _ = execute(stage, PLAN, "", answer=False)

    assert executed == []
    assert [o.result for o in report.outcomes] == [Result.SKIPPED] * 2
    assert report.outcomes[0].error == "the plan is not approved; to execute this plan, approve cafe"


def test_rollback_needs_no_approval(stage: Stage) -> None:
    back = replace(action("define", "Domain/b"), reason=Reason.ROLLBACK)
    plan = Plan((action("start", "Domain/a"), back, action("start", "Domain/b")), digest="cafe")

    report, executed, _ = execute(stage, plan, "", answer=False)

    assert [a.key.name for done in executed for a in done.actions] == ["b", "b"]
    assert [(o.action.key.name, o.result) for o in report.outcomes] == [("a", Result.SKIPPED)]
    assert report.plan == plan


def test_approval_of_another_plan_does_not_count(stage: Stage) -> None:
    report, executed, _ = execute(stage, PLAN, "beef", answer=False)

    assert executed == []
    assert report.outcomes[1].error.startswith("plan beef was approved, but the current plan is another one;")


def test_plan_without_digest_is_not_approved_by_an_empty_approval(stage: Stage) -> None:
    _, executed, asked = execute(stage, Plan(PLAN.actions), "", answer=False)

    assert executed == []
    assert len(asked) == 1


def test_plan_without_actions_needs_no_approval(stage: Stage) -> None:
    _, executed, asked = execute(stage, Plan(records=(Key("Domain", "a"),)), "", answer=False)

    assert len(executed) == 1
    assert asked == []


def test_dry_run_changes_nothing(stage: Stage) -> None:
    web = desired("Domain/web")
    seen = world(stage.host, web)

    report = DryRunExecutor(stage.diary).execute(stage.plan(web), seen)

    assert [(o.result, o.error) for o in report.outcomes] == [(Result.SKIPPED, "dry run")]
    assert stage.diary.lines == ["skipped create Domain/web"]
    assert (stage.host.log, stage.state.applied()) == ([], {})


def test_every_shipped_executor_is_created_from_tools(stage: Stage) -> None:
    tools = Tools(KINDS, stage.host, stage.state, stage.diary, workers=2, approved="cafe")
    seen = world(stage.host)

    executors: list[Executor] = [dry_run.make(tools), approve.make(tools), acting.make(tools)]

    assert [executor.execute(Plan(), seen) for executor in executors] == [Report(Plan())] * 3
