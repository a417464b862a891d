"""The documentation of metrics and alerts matches the code."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from kvmreconcile.events.events import PassFailed, RepositoryChecked
from kvmreconcile.metrics import Metrics
from kvmreconcile.metrics.domains import DomainMetrics
from kvmreconcile.model import Plan, Result
from tests.metrics.figures import WEB1
from tests.metrics.story import Daemon, events_of_end
from tests.status.events import NOON, WEB, action, pass_planned

DOCS = Path(__file__).parents[2] / "docs"
RULES = DOCS / "prometheus-rules.yaml"
promtool = shutil.which("promtool")


def all_metrics() -> Metrics:
    """Return metrics that all have a value."""
    daemon, first = Daemon(), pass_planned(Plan(actions=(action(WEB),)), commit="c0ffee", lag_s=0.3)
    daemon.publish(
        RepositoryChecked(NOON, "repo", "c0ffee"), first, *events_of_end(first, Result.FAILED, "Rejected")
    )
    daemon.publish(PassFailed(NOON, "p2", "no", "StateError"))
    daemon.metrics.add(DomainMetrics(lambda: [WEB1]))
    return daemon.metrics


def families(metrics: Metrics) -> list[Metric]:
    return list(text_string_to_metric_families(metrics.render().decode()))


def row(family: Metric) -> str:
    name = f"{family.name}_total" if family.type == "counter" else family.name
    labels = sorted({label for sample in family.samples for label in sample.labels} - {"le"})
    assert family.samples, name
    cells = (f"`{name}`", family.type, ", ".join(f"`{label}`" for label in labels), family.documentation)
    return f"| {' | '.join(cells)} |\n"


@pytest.mark.parametrize("of_domains", [False, True], ids=["daemon", "domains"])
def test_docs_list_exactly_the_metrics(*, of_domains: bool, regenerate: bool) -> None:
    page = DOCS / "metrics.md"
    before, start, rest = page.read_text().partition(
        "<!-- domains -->\n" if of_domains else "<!-- metrics -->\n"
    )
    _, end, after = rest.partition("<!-- end -->\n")
    documented = [f for f in families(all_metrics()) if f.name.startswith("libvirt_") == of_domains]
    text = before + start + "".join(sorted(map(row, documented))) + end + after
    if regenerate:
        page.write_text(text)

    assert text == page.read_text()


def test_alerts_use_existing_metrics_and_labels() -> None:
    known = {s.name: s.labels.keys() for family in families(all_metrics()) for s in family.samples}
    rules = yaml.safe_load(RULES.read_text())["groups"][0]["rules"]

    assert len({rule["alert"] for rule in rules}) == len(rules)
    for rule in rules:
        names = re.findall(r"kvmreconcile_\w+", rule["expr"])
        assert names, rule["alert"]
        for name in names:
            checked = re.findall(r"(\w+)(?:=|!=|=~|!~)\"", rule["expr"])
            checked += re.findall(r"\$labels\.(\w+)", str(rule["annotations"]))
            assert {*checked} - {"instance"} <= known[name], rule["alert"]
        assert {"summary", "todo"} == rule["annotations"].keys()


@pytest.mark.skipif(not promtool, reason="promtool is not installed")
def test_promtool_accepts_alerts_and_metrics() -> None:
    for words, given in ((("rules", RULES), b""), (("metrics",), all_metrics().render())):
        done = subprocess.run(["promtool", "check", *words], input=given, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode() + done.stdout.decode()
