"""What the proxy does to connections."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.faults.proxy import Fault, Proxy
from tests.support.bench import eventually

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    """In front of a server that says everything back."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1000):
                writer.write(data)
        except OSError:
            pass
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    refusing = ("127.0.0.1", 1)
    found = Proxy([refusing, server.sockets[0].getsockname()[:2]])
    await found.start()
    yield found
    await found.close()
    server.close()
    await server.wait_closed()


async def connect(proxy: Proxy) -> Ends:
    return await asyncio.open_connection("127.0.0.1", proxy.port)


async def ask(ends: Ends, words: bytes, *, patience: float = 5.0) -> bytes:
    reader, writer = ends
    writer.write(words)
    async with asyncio.timeout(patience):
        return await reader.readexactly(len(words))


async def test_everything_is_passed_on_and_an_upstream_that_refuses_is_passed_over(proxy: Proxy) -> None:
    for _ in range(3):
        ends = await connect(proxy)
        assert await ask(ends, b"hello") == b"hello"
        ends[1].close()


async def test_a_reset_is_felt_and_a_new_connection_works(proxy: Proxy) -> None:
    ends = await connect(proxy)
    await ask(ends, b"hello")
    assert proxy.reset() == 1
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await ask(ends, b"again")
    ends[1].close()
    again = await connect(proxy)
    assert await ask(again, b"again") == b"again"
    again[1].close()


async def test_half_open_swallows_all_and_healing_resets_what_has_lost_bytes(proxy: Proxy) -> None:
    ends = await connect(proxy)
    await ask(ends, b"hello")
    proxy.hurt(Fault.HALF_OPEN)
    with pytest.raises(TimeoutError):
        await ask(ends, b"lost", patience=0.2)
    proxy.heal()
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await ask(ends, b"again")
    ends[1].close()


async def test_a_cut_ends_the_connection_in_the_middle_of_what_is_said(proxy: Proxy) -> None:
    ends = await connect(proxy)
    proxy.hurt(Fault.CUT)
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await ask(ends, b"hello hello hello")
    ends[1].close()


async def test_slow_is_slow_and_whole(proxy: Proxy) -> None:
    proxy.hurt(Fault.SLOW)
    ends = await connect(proxy)
    began = asyncio.get_running_loop().time()
    assert await ask(ends, b"hello") == b"hello"
    assert asyncio.get_running_loop().time() - began >= 2 * proxy.delay
    ends[1].close()


@pytest.mark.parametrize("fault", [Fault.HALF_OPEN, Fault.SLOW, Fault.CUT])
async def test_a_fault_counts_what_it_has_touched_and_nothing_without_traffic(proxy: Proxy, fault: Fault) -> None:
    ends = await connect(proxy)
    await ask(ends, b"hello")
    proxy.hurt(fault)
    assert proxy.touched == 0
    ends[1].write(b"hello")

    async def touched() -> bool:
        return proxy.touched > 0

    await eventually(touched)
    proxy.hurt(Fault.NONE)
    assert proxy.touched == 0
    ends[1].close()
