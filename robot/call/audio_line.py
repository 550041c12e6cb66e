"""The callee's audio during one call: FreeSWITCH is told to stream it to our server; a stream that drops is started
again, once. Knows nothing of what is heard; when nothing can be heard any more it says why.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Any, Final

import structlog

from robot.call.channel import Channel
from robot.call.failures import CalleeNotHeard
from robot.call.hearing import Hearing, StreamListener
from robot.call.waiting import first_of
from robot.esl import commands
from robot.esl.errors import CommandRefused, CommandStage, ConnectionLost, EventSocketError
from ws_audio.server import AudioServer, StreamTicket
from ws_audio.stream import StreamOptions

log = structlog.get_logger(__name__)

# The first frames come 40 to 60 ms after the start; mod_audio_stream gives a connection up after 1 s, and one that
# brings no audio is reported by the server (AudioStalled, 5 s).
_START_LIMIT_S: Final = 7.0
# A stream that ends with a hangup closes up to two event polls before CHANNEL_HANGUP arrives, or 1 s before it when the
# closing handshake went wrong (measured).
_HANGUP_GRACE_S: Final = 1.2
_RESTARTS: Final = 1


@dataclass(frozen=True, slots=True)
class StreamAddress:
    """Where FreeSWITCH reaches our audio server."""

    host: str
    port: int


class AudioLine:
    """Opens and keeps the audio of one channel. `broken` is set when there is none any more."""

    def __init__(
        self, channel: Channel, server: AudioServer, address: StreamAddress, options: StreamOptions, hearing: Hearing
    ) -> None:
        self._channel = channel
        self._server = server
        self._address = address
        self._options = options
        self._usual_endpointing = options.endpointing
        self._hearing = hearing
        self._stream: StreamListener = hearing.new_stream()
        self._ticket: StreamTicket = server.expect(channel.uuid, options, self._stream)
        self._keeper: asyncio.Task[None] | None = None
        self._finding_out = self._over_prompt = False
        self._closed = False
        self.restarts = 0
        self.broken: asyncio.Future[CalleeNotHeard] = asyncio.get_running_loop().create_future()

    @property
    def token(self) -> str:
        """What the stream must bring to be let in, once: goes into the channel's STREAM_EXTRA_HEADERS."""
        return self._ticket.token

    async def open(self) -> None:
        """Start the stream of an answered channel and wait for its first frame. Raises CalleeNotHeard."""
        await self._start()
        self._keeper = asyncio.get_running_loop().create_task(self._keep())

    def expect(self, phrases: tuple[str, ...], *, silence_ms: int | None = None) -> None:
        """Tell recognition what is likely to be said from now on, the likeliest first.

        silence_ms: what ends an utterance; None: as usual.
        """
        usual = self._usual_endpointing
        endpointing = usual if silence_ms is None else replace(usual, end_silence_ms=silence_ms)
        self._configure(vocabulary=phrases, endpointing=endpointing)

    def find_out_who(self, wanted: bool) -> None:
        """Have tones told, and what is said while it is being said, as long as nobody knows who picked up.

        And leave out the people in the room: else nobody ever finishes their greeting.
        """
        self._finding_out = wanted
        self._configure(tones=wanted)

    def hear_over_prompt(self, wanted: bool) -> None:
        """Have told what is said while it is being said, as long as a prompt plays that words can stop."""
        self._over_prompt = wanted
        self._configure()

    async def stop(self) -> None:
        """Hear no more of a callee whose call goes on without us."""
        await self.close()
        try:
            await self._channel.api(commands.audio_stream_stop(self._channel.uuid))
        except EventSocketError as error:  # refused when it has ended by itself meanwhile
            log.info("audio.not_stopped", uuid=self._channel.uuid, reason=str(error))

    async def close(self) -> None:
        """Let go of the stream; FreeSWITCH ends it with the channel."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        self._closed = True
        self._server.forget(self._channel.uuid)

    def _configure(self, **changes: Any) -> None:
        if self._closed:
            return  # a prompt may end, and a timer come, after the audio
        self._options = replace(
            self._server.options(self._channel.uuid),
            partials=self._finding_out or self._over_prompt,
            # A barge-in must not wait for quiet syllables.
            foreground=self._finding_out and not self._over_prompt,
            **changes,
        )
        self._server.configure(self._channel.uuid, self._options)

    async def _start(self) -> None:
        url = f"ws://{self._address.host}:{self._address.port}{self._ticket.path}"
        try:
            mix = "mono" if self._options.channels == 1 else "stereo"
            await self._channel.api(commands.audio_stream_start(self._channel.uuid, url, mix, self._options.rate))
        except CommandRefused as refused:
            raise CalleeNotHeard(_explain_refusal(refused)) from refused
        except EventSocketError as error:
            # Sent, and its answer lost with the event socket: the audio itself tells whether it was done.
            if not isinstance(error, ConnectionLost) or error.stage is CommandStage.NOT_SENT:
                raise CalleeNotHeard(f"the audio stream could not be started: {error}") from error
        await self._first_frame(url)

    async def _first_frame(self, url: str) -> None:
        started = asyncio.ensure_future(self._stream.started.wait())
        failed, lost = self._channel.stream_failed, self._stream.lost
        try:
            await first_of(started, failed, lost, self._channel.hung_up, within_s=_START_LIMIT_S)
        finally:
            started.cancel()
        if self._stream.started.is_set() or self._channel.hung_up.done():
            return
        if failed.done():
            raise CalleeNotHeard(
                f"FreeSWITCH could not open the audio stream to {url.rsplit('/', 1)[0]}: {failed.result()}. "
                "Can FreeSWITCH reach that address? See `audio.host`, `audio.port` and `freeswitch.stream_host`."
            )
        raise CalleeNotHeard(
            f"the audio stream brought no audio ({lost.result() if lost.done() else 'it never connected'}). "
            "Does the callee's phone send RTP, and does a firewall let it through to FreeSWITCH?"
        )

    async def _keep(self) -> None:
        """Start the stream again when it drops while the call is on."""
        while True:
            how = await asyncio.shield(self._stream.lost)
            await first_of(self._channel.hung_up, within_s=_HANGUP_GRACE_S)
            if self._channel.hung_up.done():
                return
            try:
                if self.restarts == _RESTARTS:
                    raise CalleeNotHeard(f"the audio stream was lost again in the middle of the call: {how}")
                self.restarts += 1
                await self._restart()
            except CalleeNotHeard as failure:
                self.broken.set_result(failure)
                return

    async def _restart(self) -> None:
        uuid = self._channel.uuid
        self._stream = self._hearing.new_stream()
        self._ticket = self._server.expect(uuid, self._options, self._stream)
        self._channel.forget_stream_failure()
        try:
            await self._channel.api(commands.set_stream_token(uuid, self.token))
        except EventSocketError as error:
            raise CalleeNotHeard(f"the audio stream could not be started again: {error}") from error
        try:
            # The media bug stays attached after our side closed, and `start` fails while it is; after an abnormal end
            # it is gone, and so is what `stop` could stop.
            await self._channel.api(commands.audio_stream_stop(uuid))
        except CommandRefused:
            pass
        except EventSocketError as error:
            raise CalleeNotHeard(f"the audio stream could not be started again: {error}") from error
        await self._start()


def _explain_refusal(refused: CommandRefused) -> str:
    if "Command not found" in refused.reply:
        return (
            "FreeSWITCH does not know uuid_audio_stream: mod_audio_stream is not loaded. "
            "Load it with `fs_cli -x 'load mod_audio_stream'` and add it to modules.conf.xml."
        )
    return f"FreeSWITCH refused to stream the callee's audio: {refused}"
