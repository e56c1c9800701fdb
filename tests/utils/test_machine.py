"""The machine's name."""

import socket

import pytest

from core.utils.machine import machine_name


def test_a_mac_keeps_its_name_in_every_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.utils.machine.sys.platform", "darwin")
    monkeypatch.setattr(socket, "gethostname", lambda: "laptop.office.example.org")
    at_work = machine_name()
    monkeypatch.setattr(socket, "gethostname", lambda: "laptop.local")
    assert machine_name() == at_work


def test_elsewhere_it_is_the_host_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.utils.machine.sys.platform", "linux")
    monkeypatch.setattr(socket, "gethostname", lambda: "node-7")
    assert machine_name() == "node-7"
