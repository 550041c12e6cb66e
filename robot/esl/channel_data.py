"""What FreeSWITCH tells of a channel in the reply to `connect` on an outbound socket: pure.

The reply is one block of headers, about 170, values percent-encoded one by one: a value is decoded when it is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

from robot.esl import arguments as checked
from robot.esl.errors import BadArgument
from robot.esl.frames import FrameError

_PREFIX: Final = "variable_"


class ChannelVariables(Mapping[str, str]):
    """The channel's variables by name, as the dialplan and the SIP INVITE set them."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = headers

    def __getitem__(self, name: str) -> str:
        return unquote(self._headers[_PREFIX + name])

    def __iter__(self) -> Iterator[str]:
        return (name.removeprefix(_PREFIX) for name in self._headers if name.startswith(_PREFIX))

    def __len__(self) -> int:
        return sum(1 for _ in self)


@dataclass(frozen=True, slots=True)
class ChannelData:
    """A channel as it came to the hook.

    core_uuid: which FreeSWITCH it lives in (the header Core-UUID of that one's events). caller: who calls, as the
    network wrote it, which need not be a number; None when it says nothing. dialled: what the dialplan matched.
    answered: the dialplan ran `answer` already. is_async: FreeSWITCH takes commands for it from other connections.
    """

    uuid: str
    core_uuid: str
    caller: str | None = field(repr=False)
    dialled: str = field(repr=False)
    answered: bool
    is_async: bool
    variables: Mapping[str, str] = field(repr=False)

    @classmethod
    def read(cls, headers: Mapping[str, str]) -> ChannelData:
        """`headers` of the reply, still encoded. Raises FrameError for what no FreeSWITCH says of a channel."""
        try:
            uuid, core_uuid = checked.uuid(headers["Unique-ID"]), checked.uuid(headers["Core-UUID"])
            dialled = unquote(headers["Caller-Destination-Number"])
        except (KeyError, BadArgument) as error:
            raise FrameError(f"the reply to `connect` is not the data of a channel ({error})") from error
        return cls(
            uuid,
            core_uuid,
            caller=unquote(headers.get("Caller-Caller-ID-Number", "")) or None,
            dialled=dialled,
            answered=headers.get("Answer-State") == "answered",
            is_async=headers.get("Socket-Mode") == "async",
            variables=ChannelVariables(headers),
        )
