"""Who has no code server cannot load definitions anew; that a running `dev` does it is seen in `test_archive`."""

import pytest

from instagram_assets.automation.reload import HOST, PORT, SOCKET, reload_location


def test_without_a_code_server_it_says_that_it_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (SOCKET, PORT, HOST):
        monkeypatch.delenv(name, raising=False)
    assert not reload_location()
