"""What is written about metrics is so."""

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
from kvmreconcile.metrics.domains import Domains
from kvmreconcile.model import Plan, Result
from tests.metrics.figures import WEB1
from tests.metrics.story import Daemon, ends
from tests.status.told import NOON, WEB, action, planned

DOCS = Path(__file__).parents[2] / "docs"
RULES = DOCS / "prometheus-rules.yaml"
promtool = shutil.which("promtool")


def everything() -> Metrics:
    """Return metrics of which each has a value."""
    daemon, first = Daemon(), planned(Plan(actions=(action(WEB),)), commit="c0ffee", lag_s=0.3)
    daemon.tell(RepositoryChecked(NOON, "repo", "c0ffee"), first, *ends(first, Result.FAILED, "Rejected"))
    daemon.tell(PassFailed(NOON, "p2", "no", "StateError"))
    daemon.metrics.add(Domains(lambda: [WEB1]))
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
def test_page_tells_of_every_metric_and_of_no_other(*, of_domains: bool, regenerate: bool) -> None:
    page = DOCS / "metrics.md"
    before, start, rest = page.read_text().partition(
        "<!-- domains -->\n" if of_domains else "<!-- metrics -->\n"
    )
    _, end, after = rest.partition("<!-- end -->\n")
    told = [f for f in families(everything()) if f.name.startswith("libvirt_") == of_domains]
    text = before + start + "".join(sorted(map(row, told))) + end + after
    if regenerate:
        page.write_text(text)

    assert text == page.read_text()


def test_alerts_ask_for_metrics_and_labels_that_exist() -> None:
    known = {s.name: s.labels.keys() for family in families(everything()) for s in family.samples}
    rules = yaml.safe_load(RULES.read_text())["groups"][0]["rules"]

    assert len({rule["alert"] for rule in rules}) == len(rules)
    for rule in rules:
        names = re.findall(r"kvmreconcile_\w+", rule["expr"])
        assert names, rule["alert"]
        for name in names:
            asked = re.findall(r"(\w+)(?:=|!=|=~|!~)\"", rule["expr"])
            asked += re.findall(r"\$labels\.(\w+)", str(rule["annotations"]))
            assert {*asked} - {"instance"} <= known[name], rule["alert"]
        assert {"summary", "todo"} == rule["annotations"].keys()


@pytest.mark.skipif(not promtool, reason="there is no promtool")
def test_prometheus_understands_alerts_and_metrics() -> None:
    for words, given in ((("rules", RULES), b""), (("metrics",), everything().render())):
        done = subprocess.run(["promtool", "check", *words], input=given, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode() + done.stdout.decode()
