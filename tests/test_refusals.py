"""How errors reach the page of hosts that make their runs in another thread."""

import threading
from types import SimpleNamespace

import pytest

from differential_diffusion.host import refusals
from differential_diffusion.settings import NAME, BadSetting

REFUSED = BadSetting("map", "missing", "Nothing is painted yet.")


def refuse():
    raise refusals.as_shown(SimpleNamespace(is_api=False), REFUSED, is_by_hand=True)


def fail():
    raise RuntimeError("out of memory")


@pytest.fixture
def run(monkeypatch):
    """Carries out a function as reForge and Forge Classic do: in a thread that keeps errors to itself."""

    def run_and_wait_result(function):
        results = []

        def work():
            try:
                results.append(function())
            except Exception:
                results.append(None)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        return results[0]

    module = SimpleNamespace(run_and_wait_result=run_and_wait_result)
    monkeypatch.setitem(refusals.sys.modules, "modules_forge.main_thread", module)
    refusals.hand_on()
    refusals.hand_on()
    return lambda function: module.run_and_wait_result(function)


def test_our_errors_reach_the_page(run):
    with pytest.raises(refusals.ShownOnPage, match="Nothing is painted yet") as raised:
        run(refuse)
    assert type(raised.value).__name__ == NAME


def test_the_next_run_and_the_hosts_own_errors_are_as_ever(run):
    with pytest.raises(refusals.ShownOnPage):
        run(refuse)
    assert run(lambda: "a picture") == "a picture"
    assert run(fail) is None


def test_a_host_without_such_a_thread_is_left_alone(monkeypatch):
    monkeypatch.delitem(refusals.sys.modules, "modules_forge.main_thread", raising=False)
    refusals.hand_on()
