import asyncio

from lanline.client.firstof import first_of


def test_the_others_have_cleaned_up_when_the_first_one_has_ended() -> None:
    """A prompt waits for the terminal's answer, and only then gives the keyboard back to the shell."""
    events: list[str] = []

    async def prompt() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(3):
                await asyncio.sleep(0)
            events.append("the terminal is as it was")

    async def leave() -> None:
        await asyncio.sleep(0)

    async def run() -> None:
        await first_of(prompt(), leave())
        events.append("left")

    asyncio.run(run())
    assert events == ["the terminal is as it was", "left"]
