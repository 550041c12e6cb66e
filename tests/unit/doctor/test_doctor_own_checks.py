"""The robot's own parts and its machine, judged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from robot.campaign.definition import CampaignError
from robot.doctor import machine, own_checks
from robot.doctor.check import State, Trouble
from robot.doctor.readings import DatabaseReading, DiskReading, RecognitionReading, VoiceReading
from robot.settings import ConfigError, FreeSwitchSettings
from robot.store.migrate import SchemaStatus

UP_TO_DATE = SchemaStatus("0001", "0001", known=True)
DATABASE = DatabaseReading("sqlite:////x/robot.db", True, True, UP_TO_DATE, share=None, took_ms=3.0)


@pytest.mark.parametrize(
    ("reading", "judged", "found"),
    [
        (DATABASE, State.OK, "up to date"),
        (replace(DATABASE, exists=False, schema=SchemaStatus(None, "0001", known=True)), State.OK, "not there yet"),
        (replace(DATABASE, schema=SchemaStatus(None, "0001", known=True)), State.OK, "is empty"),
        (
            replace(DATABASE, exists=False, creatable=False, schema=SchemaStatus(None, "0001", known=True)),
            State.FAILED,
            "cannot create",
        ),
        (replace(DATABASE, schema=SchemaStatus("0000", "0001", known=True)), State.FAILED, "outdated"),
        (replace(DATABASE, schema=SchemaStatus("9999", "0001", known=False)), State.FAILED, "newer version"),
        (replace(DATABASE, share="nfs4"), State.WARNING, "nfs4"),
    ],
)
def test_the_database_and_its_schema(reading: DatabaseReading, judged: State, found: str) -> None:
    check = own_checks.database(reading)
    assert check.state is judged
    assert found in check.found
    assert (check.fix is None) is (judged is State.OK)


def test_an_outdated_schema_is_told_with_the_command_that_upgrades_it() -> None:
    check = own_checks.database(replace(DATABASE, schema=SchemaStatus("0000", "0001", known=True)))
    assert "robot db upgrade" in (check.fix or "")


@pytest.mark.parametrize(
    ("gigabytes", "exists", "wanted", "judged", "found"),
    [
        (115.2, True, True, State.OK, "1,000 hours"),
        (1.0, True, False, State.WARNING, "9 hours"),
        (115.2, False, False, State.SKIPPED, "no folder /rec"),
        (115.2, False, True, State.FAILED, "the campaign records"),
    ],
)
def test_disk_space_is_told_in_hours_of_recording(
    gigabytes: float, exists: bool, wanted: bool, judged: State, found: str
) -> None:
    check = own_checks.disk(DiskReading(Path("/rec"), exists, int(gigabytes * 1e9)), wanted=wanted)
    assert check.state is judged
    assert found in check.found


@pytest.mark.parametrize(
    ("limit", "judged"), [(None, State.OK), (1100, State.OK), (1099, State.FAILED), (256, State.FAILED)]
)
def test_open_files_against_streams(limit: int | None, judged: State) -> None:
    check = own_checks.open_files(limit, 1000)
    assert check.state is judged
    assert "1100" in check.found


@pytest.mark.parametrize(
    ("kept", "time_zones", "judged"),
    [(True, True, State.OK), (None, True, State.OK), (False, True, State.WARNING), (True, False, State.FAILED)],
)
def test_the_clock_of_this_machine(kept: bool | None, time_zones: bool, judged: State) -> None:
    assert own_checks.clock(kept, time_zones=time_zones).state is judged


HEARD = RecognitionReading(
    "tiny.en", 1.0, audio_s=10.0, took_s=0.5, said="Thank you. Good-bye!", transcript="thank you, good bye", workers=2,
    languages=frozenset({"en"}),
)  # fmt: skip


def test_recognition_tells_how_many_people_may_speak_at_once() -> None:
    check = own_checks.recognition(HEARD, frozenset({"en"}))
    assert check.state is State.OK
    assert "0.05 s of a core" in check.found
    assert "40 people" in check.found


@pytest.mark.parametrize(
    ("reading", "languages", "judged", "found"),
    [
        (replace(HEARD, took_s=6.0), {"en"}, State.WARNING, "0.60 s"),
        (HEARD, {"en", "fr"}, State.FAILED, "fr"),
        (replace(HEARD, transcript=""), {"en"}, State.FAILED, "does not write down"),
        (replace(HEARD, transcript="an elephant in the room"), {"en"}, State.FAILED, "does not write down"),
    ],
)
def test_recognition_that_is_slow_deaf_or_foreign(
    reading: RecognitionReading, languages: set[str], judged: State, found: str
) -> None:
    check = own_checks.recognition(reading, frozenset(languages))
    assert check.state is judged
    assert found in check.found


def test_words_in_common() -> None:
    assert own_checks.words_in_common("Don't call me.", "don't CALL me again") == 1.0
    assert own_checks.words_in_common("one two", "two three") == 0.5
    assert own_checks.words_in_common("", "anything") == 0.0


def test_the_voice() -> None:
    assert "2.4 s in 0.5 s" in own_checks.voice(VoiceReading("joe", 2.4, 0.5)).found
    assert "pip install" in (own_checks.voice_not_installed().fix or "")


def test_what_is_wrong_with_the_configuration_has_its_own_exit_status() -> None:
    with pytest.raises(ConfigError) as missing:
        FreeSwitchSettings().required_password("nodes.paris")
    password = own_checks.no_password(missing.value)
    assert password.found == "nodes.paris.password is not set"
    assert "[nodes.paris]" in (password.fix or "")
    unreadable = own_checks.unreadable_campaign(CampaignError([]))
    unserved = own_checks.campaign("demo", "/srv/demo", 5, "trunk", served=False)
    assert {password.trouble, unreadable.trouble, unserved.trouble} == {Trouble.CONFIGURATION}
    assert own_checks.campaign("demo", "/srv/demo", 5, "trunk", served=True).state is State.OK


MOUNTS = r"""/dev/vda / ext4 rw 0 0
proc /proc proc rw 0 0
server:/export /srv nfs4 rw 0 0
/dev/vdb /srv/local ext4 rw 0 0
//nas/share /mnt/my\040share cifs rw 0 0
"""


@pytest.mark.parametrize(
    ("file", "share"),
    [
        ("/var/lib/robot/robot.db", None),
        ("/srv/robot.db", "nfs4"),
        ("/srv/deep/below/robot.db", "nfs4"),
        ("/srvx/robot.db", None),
        ("/srv/local/robot.db", None),
        ("/mnt/my share/robot.db", "cifs"),
    ],
)
def test_a_network_share_is_told_by_its_mount(file: str, share: str | None) -> None:
    assert machine.network_file_system(Path(file), MOUNTS) == share
