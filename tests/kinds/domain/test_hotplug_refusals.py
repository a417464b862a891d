"""Messages about a guest that releases no device, and accepts or releases no vCPU."""

import libvirt
import pytest

from kvmreconcile.errors import HostError
from kvmreconcile.kinds.domain.calls.detach import _still_there
from kvmreconcile.kinds.domain.calls.threads import _report_refusal
from kvmreconcile.model import Action, Key, Reason
from kvmreconcile.model.verbs import verb_of
from kvmreconcile.tree import Effect

WEB = Key("Domain", "web")


@pytest.mark.parametrize(
    ("verb", "todo"),
    [
        ("detach", "otherwise it is removed at the guest's next start"),
        ("replug", "refused; the change takes effect at the guest's next start"),
    ],
)
def test_message_for_an_unreleased_device_says_that_the_change_is_made_at_the_next_start(
    verb: str, todo: str
) -> None:
    action = Action(WEB, verb_of(verb), Effect.LIVE, Reason.EDIT, steps=("devices", "interface[lan]"))

    assert str(_still_there(action, "refused")).endswith(todo)


@pytest.mark.parametrize(
    ("is_added", "said"),
    [
        (True, "Domain/web: the vCPUs could not be added (no)"),
        (False, "Domain/web: the guest did not release the vCPUs (no); set them offline in the guest"),
    ],
)
def test_advice_to_set_vcpus_offline_is_given_only_if_they_are_removed(said: str, *, is_added: bool) -> None:
    action = Action(WEB, verb_of("set-vcpus"), Effect.LIVE, Reason.EDIT)

    with pytest.raises(HostError) as caught, _report_refusal(action, is_added=is_added):
        raise HostError("no", libvirt.VIR_ERR_INTERNAL_ERROR)

    assert str(caught.value).startswith(said)
