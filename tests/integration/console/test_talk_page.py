"""The page to talk to a campaign, in a real browser with a microphone that beeps; the test plays the robot."""

from __future__ import annotations

import base64
import json
import math
import struct
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, WebSocketRoute, expect

from tests.integration.console.chromium import DOOR, Visit, chromium, needs_chromium, pages_served, visit

pytestmark = needs_chromium

_FRAME = 640
TONE = b"".join(struct.pack("<h", round(12000 * math.sin(math.tau * 500 * at / 16000))) for at in range(16000))


class Robot:
    """What a page is connected to. `sent` and `heard`: texts and audio of the page."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self.sent: list[dict[str, Any]] = []
        self.heard: list[bytes] = []
        self.heard_before_state: list[bytes] = []
        self._begun = False
        self.connections = 0
        self.closed = False
        page.route_web_socket(DOOR, self._connected)

    def _connected(self, door: WebSocketRoute) -> None:
        self.connections += 1
        self.door = door
        self._begun = False
        door.on_message(self._received)
        door.on_close(lambda code, reason: setattr(self, "closed", True))

    def _received(self, message: str | bytes) -> None:
        if isinstance(message, str):
            self.sent.append(json.loads(message))
        else:
            (self.heard if self._begun else self.heard_before_state).append(message)

    def tell(self, kind: str, **members: Any) -> None:
        self._begun = self._begun or kind == "state"
        self.door.send(json.dumps({"type": kind, **members}))

    def state(self, state: str, turn: int) -> None:
        self.tell("state", state=state, turn=turn)

    def say(self, turn: int, text: str, length_s: int = 1) -> None:
        """A tone."""
        self.state("responding", turn)
        audio = base64.b64encode(TONE * length_s).decode()
        self.tell(
            "tts_chunk",
            turn=turn,
            phrase=turn,
            seq=0,
            text=text,
            length_ms=1000 * length_s,
            sample_rate=16000,
            audio=audio,
        )

    def await_message(self, kind: str) -> dict[str, Any]:
        wait_until(self._page, lambda: any(message["type"] == kind for message in self.sent))
        return next(message for message in self.sent if message["type"] == kind)


@pytest.fixture(scope="module")
def home() -> Iterator[int]:
    with pages_served() as port:
        yield port


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def visitor(browser: Browser, home: int) -> Iterator[Visit]:
    with visit(browser) as visitor:
        yield visitor
        assert visitor.complaints == []
        assert all(url.startswith(f"http://127.0.0.1:{home}/") or url == "data:," for url in visitor.asked)


def begun(visitor: Visit, home: int) -> Robot:
    """A conversation in which the robot listens."""
    robot = Robot(visitor.page)
    visitor.page.goto(f"http://127.0.0.1:{home}/talk")
    expect(visitor.page.get_by_label("Campaign")).to_have_value("demo")
    visitor.page.keyboard.press("Space")
    robot.await_message("start")
    robot.state("capturing", 1)
    expect(visitor.page.locator("#state")).to_have_text("Listening")
    return robot


def level(page: Page, of: str) -> float:
    """dB below full scale, as the page's AnalyserNode has it."""
    return float(page.locator(f"#{of}-level").get_attribute("data-db") or -100)


def wait_until(page: Page, true: Callable[[], bool]) -> None:
    for _ in range(200):
        if true():
            return
        page.wait_for_timeout(25)
    raise AssertionError("it did not happen within 5 s")


def test_a_conversation_is_seen_and_heard(visitor: Visit, home: int) -> None:
    page = visitor.page
    robot = Robot(page)
    page.goto(f"http://127.0.0.1:{home}/talk?campaign=reminder")
    page.get_by_role("button", name="Start talking").click()
    assert page.evaluate("document.activeElement.name") == "first_name"  # it cannot do without
    page.get_by_label("first name").fill("Ann")
    page.locator("body").click()
    page.keyboard.press("Space")
    assert robot.await_message("start") == {
        "type": "start", "campaign": "reminder", "sample_rate": 16000, "fields": {"first_name": "Ann"}
    }  # fmt: skip
    page.wait_for_timeout(200)
    assert robot.heard_before_state == []

    robot.state("capturing", 0)
    robot.say(0, "Hello, may I tell you something?")
    wait_until(page, lambda: level(page, "robot") > -15)
    expect(page.locator(".robot")).to_contain_text("Hello, may I tell you something?")
    wait_until(page, lambda: level(page, "microphone") > -60)
    assert robot.heard
    assert {len(frame) for frame in robot.heard} == {_FRAME}

    robot.tell("tts_phrase_done", turn=0, phrase=0, interrupted=False, played_ms=1000)
    robot.tell("partial_transcript", turn=1, keep=0, text="Yes, I")
    expect(page.locator(".person .partial")).to_have_text("Yes, I")
    robot.tell("partial_transcript", turn=1, keep=6, text=" would")
    expect(page.locator(".person .partial")).to_have_text("Yes, I would")
    robot.tell("final_transcript", turn=1, text="Yes, I would like that.")
    expect(page.locator(".person p:not(.partial)")).to_have_text("Yes, I would like that.")
    robot.say(1, "Thank you.")
    robot.tell("metrics", turn=1, t_first_partial_ms=900, t_final_transcript_ms=410, t_first_audio_ms=820)
    expect(page.locator("#times tbody tr")).to_have_text("10.90 s0.41 s–0.82 s–")
    expect(page.locator("#median")).to_contain_text("0.82 s")

    robot.tell("done", turn=1, goes_on=False, outcome="not_interested")
    robot.state("idle", 1)
    expect(page.locator("#state")).to_have_text("Over: not interested")
    assert robot.closed


def test_an_interruption_is_silence_at_once(visitor: Visit, home: int) -> None:
    page = visitor.page
    robot = begun(visitor, home)
    robot.say(0, "This is a long phrase of ours.", length_s=8)
    wait_until(page, lambda: level(page, "robot") > -15)
    robot.tell("tts_phrase_done", turn=0, phrase=0, interrupted=True, played_ms=2400)
    # Within 5 s, when more than that is left of what was to be played.
    wait_until(page, lambda: level(page, "robot") < -90)
    expect(page.locator(".robot")).to_contain_text("interrupted")
    expect(page.locator(".robot .unheard")).to_contain_text("phrase of ours.")


def test_a_voice_that_comes_late_is_explained(visitor: Visit, home: int) -> None:
    robot = begun(visitor, home)
    piece = base64.b64encode(TONE[:3200]).decode()
    for seq in range(8):  # 100 ms of sound each 300 ms; on a busy machine some of them come together
        text = {"text": "Hello.", "length_ms": 800} if seq == 0 else {}
        robot.tell("tts_chunk", turn=1, phrase=1, seq=seq, sample_rate=16000, audio=piece, **text)
        visitor.page.wait_for_timeout(300)
    expect(visitor.page.get_by_role("alert")).to_contain_text("The robot's voice comes late")


def test_a_models_words_are_seen_before_they_are_spoken(visitor: Visit, home: int) -> None:
    robot = begun(visitor, home)
    for text in ("Well", ", I"):
        robot.tell("token", turn=1, reply=1, text=text)
    expect(visitor.page.locator(".robot .partial")).to_have_text("Well, I")
    robot.tell("token", turn=1, reply=2, text="No")
    expect(visitor.page.locator(".robot .partial")).to_have_text("No")
    robot.say(1, "No, thanks.")
    expect(visitor.page.locator(".robot p")).to_have_text("No, thanks.")


def test_keys_end_what_i_say_and_the_conversation(visitor: Visit, home: int) -> None:
    robot = begun(visitor, home)
    visitor.page.keyboard.press("Space")
    robot.await_message("stop")
    robot.state("thinking", 1)
    expect(visitor.page.get_by_role("button", name="I’m done")).to_be_disabled()
    visitor.page.keyboard.press("Escape")
    robot.await_message("cancel")
    expect(visitor.page.locator("#state")).to_have_text("Over")
    visitor.page.keyboard.press("Space")
    wait_until(visitor.page, lambda: robot.connections == 2)


def test_a_lost_connection_is_said_and_another_one_offered(visitor: Visit, home: int) -> None:
    robot = begun(visitor, home)
    robot.door.close(code=1011)
    problem = visitor.page.get_by_role("alert")
    expect(problem).to_contain_text("The connection was lost")
    problem.get_by_role("button", name="Start again").click()
    expect(problem).to_be_hidden()
    wait_until(visitor.page, lambda: robot.connections == 2)


def test_a_robot_that_stops_says_so(visitor: Visit, home: int) -> None:
    robot = begun(visitor, home)
    robot.tell("info", code="shutting_down", message="The robot is being stopped.")
    robot.door.close(code=1001)
    expect(visitor.page.get_by_role("alert")).to_contain_text("The robot is being stopped")


def test_errors_of_the_robot_are_shown(visitor: Visit, home: int) -> None:
    robot = begun(visitor, home)
    robot.tell("error", code="ASR_FAIL", message="What you said was not understood.", recoverable=True)
    problem = visitor.page.get_by_role("alert")
    expect(problem).to_contain_text("What you said was not understood.")
    expect(visitor.page.locator("#state")).to_have_text("Listening")
    robot.tell("final_transcript", turn=1, text="Once more.")
    expect(problem).to_be_hidden()
    robot.tell("error", code="INTERNAL", message="The robot has a defect.", recoverable=False)
    expect(problem).to_contain_text("The robot has a defect.")
    expect(visitor.page.locator("#state")).to_have_text("Over")


@pytest.mark.parametrize(
    ("status", "told"), [(503, "set voice.enabled"), (401, "Log in to the console again"), (None, "Is it running")]
)
def test_a_console_that_says_no_is_quoted(browser: Browser, home: int, status: int | None, told: str) -> None:
    def answer(route: Route) -> None:
        if status is None:
            route.abort()
        else:
            route.fulfill(status=status, json={"detail": "set voice.enabled to true"})

    with visit(browser) as visitor:
        visitor.page.route("**/api/voice/tickets", answer)
        visitor.page.goto(f"http://127.0.0.1:{home}/talk")
        visitor.page.get_by_role("button", name="Start talking").click()
        expect(visitor.page.get_by_role("alert")).to_contain_text(told)


@pytest.mark.parametrize(
    ("error", "title"),
    [
        ("NotAllowedError", "The microphone is blocked"),
        ("NotFoundError", "No microphone found"),
        ("NotReadableError", "The microphone cannot be opened"),
    ],
)
def test_a_microphone_that_cannot_be_had_is_explained(visitor: Visit, home: int, error: str, title: str) -> None:
    visitor.page.add_init_script(
        f"navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', '{error}'))"
    )
    visitor.page.goto(f"http://127.0.0.1:{home}/talk")
    visitor.page.get_by_role("button", name="Start talking").click()
    problem = visitor.page.get_by_role("alert")
    expect(problem).to_contain_text(title)
    expect(problem.get_by_role("button", name="Start again")).to_be_visible()
    expect(visitor.page.locator("#state")).to_have_text("Not connected")


def test_a_microphone_that_is_refused_is_explained(browser: Browser, home: int) -> None:
    with visit(browser, allowed=False) as visitor:
        visitor.page.goto(f"http://127.0.0.1:{home}/talk")
        visitor.page.get_by_role("button", name="Start talking").click()
        expect(visitor.page.get_by_role("alert")).to_contain_text("The microphone is blocked")


def test_a_microphone_is_let_go_however_it_ends(visitor: Visit, home: int) -> None:
    """Also when it is given after all was over, and when the page fails between the two."""
    page = visitor.page
    page.add_init_script(
        """
        const given = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        window.streams = [];
        navigator.mediaDevices.getUserMedia = async (wanted) => {
          if (window.later) await new Promise((resolve) => { window.giveIt = resolve; });
          const stream = await given(wanted);
          window.streams.push(stream);
          return stream;
        };
        """
    )
    begun(visitor, home)
    page.evaluate("window.later = true")
    page.keyboard.press("Escape")
    page.keyboard.press("Space")
    expect(page.locator("#state")).to_have_text("Microphone …")
    page.keyboard.press("Escape")
    page.evaluate("window.giveIt()")
    wait_until(page, lambda: page.evaluate("window.streams.length") == 2)
    page.evaluate(
        """() => {
          window.later = false;
          AudioWorklet.prototype.addModule = () => Promise.reject(new DOMException("no", "DataError"));
        }"""
    )
    page.get_by_role("button", name="Start talking").click()
    expect(page.get_by_role("alert")).to_contain_text("Something went wrong")
    states = "window.streams.flatMap((stream) => stream.getTracks().map((track) => track.readyState))"
    wait_until(page, lambda: page.evaluate(states) == ["ended"] * 3)


@pytest.mark.slow
def test_a_muted_microphone_is_told_until_it_is_none(visitor: Visit, home: int) -> None:
    visitor.page.add_init_script(
        """
        navigator.mediaDevices.getUserMedia = async () => {
          const context = new AudioContext(), out = new MediaStreamAudioDestinationNode(context);
          const tone = new OscillatorNode(context);
          tone.connect(out);
          window.unmute = () => tone.start();
          return out.stream;
        };
        """
    )
    begun(visitor, home)
    problem = visitor.page.get_by_role("alert")
    expect(problem).to_contain_text("Nothing comes from the microphone")
    visitor.page.evaluate("window.unmute()")
    expect(problem).to_be_hidden()


def test_a_page_that_may_not_record_says_why(visitor: Visit, home: int) -> None:
    visitor.page.add_init_script("Object.defineProperty(window, 'isSecureContext', { value: false })")
    visitor.page.goto(f"http://127.0.0.1:{home}/talk")
    expect(visitor.page.get_by_role("alert")).to_contain_text("http://localhost")
    expect(visitor.page.get_by_role("button", name="Start talking")).to_be_disabled()


@pytest.mark.parametrize(
    "lack",
    [
        "delete window.AudioWorkletNode",
        "AudioWorklet.prototype.addModule = () => Promise.reject(new DOMException('no imports here', 'AbortError'))",
    ],
    ids=["none", "old"],
)
def test_without_worklets_an_utterance_is_sent_whole(visitor: Visit, home: int, lack: str) -> None:
    page = visitor.page
    page.add_init_script(lack)
    robot = begun(visitor, home)
    page.get_by_role("button", name="I talk").click()
    page.wait_for_timeout(1200)
    assert all(not any(message) for message in robot.heard)  # silence, so that the line is not dead
    page.get_by_role("button", name="I’m done").click()
    robot.await_message("stop")
    loud = [message for message in robot.heard if any(message)]
    assert sum(map(len, loud)) / 32000 > 1.0
    assert max(map(len, robot.heard)) <= 32000
    assert len(robot.heard) > 20


@pytest.mark.parametrize("width", [390, 768, 1440])
def test_nothing_is_wider_than_the_window(browser: Browser, home: int, width: int) -> None:
    with visit(browser, width=width) as visitor:
        robot = begun(visitor, home)
        robot.say(0, "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft " * 3)
        robot.tell("metrics", turn=1, t_first_audio_ms=12345, total_reply_ms=99999)
        expect(visitor.page.locator("#times tbody tr")).to_have_count(1)
        assert visitor.page.evaluate("document.documentElement.scrollWidth") == width


def test_light_and_dark_can_both_be_read(browser: Browser, home: int) -> None:
    """WCAG AA: text stands out from what is behind it by 4.5 to 1."""
    contrast = """() => {
      const parts = (colour) => colour.match(/[0-9.]+/g).slice(0, 3).map((part) => part / 255)
        .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
      const light = (colour) => { const [r, g, b] = parts(colour); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
      const behind = (node) => {
        const colour = getComputedStyle(node).backgroundColor;
        return colour === "rgba(0, 0, 0, 0)" && node.parentElement ? behind(node.parentElement) : colour;
      };
      return [...document.querySelectorAll("main *")]
        .filter((node) => node.checkVisibility() && !node.closest(":disabled, [inert], svg, .unseen, option"))
        .filter((node) => [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim() !== ""))
        .map((node) => {
          const [a, b] = [light(getComputedStyle(node).color), light(behind(node))];
          return [node.outerHTML.slice(0, 80), (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)];
        })
        .filter(([, ratio]) => ratio < 4.5);
    }"""
    with visit(browser) as visitor:
        robot = begun(visitor, home)
        robot.say(0, "This is a long phrase of ours.")
        robot.tell("tts_phrase_done", turn=0, phrase=0, interrupted=True, played_ms=300)
        robot.tell("partial_transcript", turn=1, keep=0, text="Yes, I")
        robot.tell("error", code="ASR_FAIL", message="Not understood.", recoverable=True)
        robot.tell("info", code="not_done", message="A call would have sent something.")
        expect(visitor.page.locator(".note")).to_be_visible()
        backgrounds = set()
        for scheme in ("light", "dark"):
            visitor.page.emulate_media(color_scheme=scheme)
            assert visitor.page.evaluate(contrast) == []
            backgrounds.add(visitor.page.evaluate("getComputedStyle(document.body).backgroundColor"))
        assert len(backgrounds) == 2
