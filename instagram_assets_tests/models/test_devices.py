"""A device that is not there is refused before any work."""

import pytest
import torch

from instagram_assets.errors import SettingsError
from instagram_assets.models.devices import choose_device

MISSING = "mps" if torch.cuda.is_available() else "cuda"


def test_a_device_that_is_not_there_is_named_with_its_setting_and_those_that_are() -> None:
    with pytest.raises(SettingsError, match=rf"INSTAGRAM_ASSETS_MODELS__DEVICE='{MISSING}'.*or one of .*cpu"):
        choose_device(MISSING)
    with pytest.raises(SettingsError, match=rf"INSTAGRAM_ASSETS_AGE__DEVICE='{MISSING}'"):
        choose_device(MISSING, "AGE__DEVICE")
