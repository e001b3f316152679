"""The websockets of Python as a peer of the conformance runner; README.md says what it does."""

import asyncio
import ssl
import sys

import websockets

LIMITS = {"max_size": 64 * 1024 * 1024}


def context(purpose, ca, cert, key):
    made = ssl.SSLContext(purpose)
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    made.verify_mode = ssl.CERT_REQUIRED
    made.load_verify_locations(ca)
    made.load_cert_chain(cert, key)
    return made


async def echo(connection, *_):
    try:
        async for message in connection:
            await connection.send(message)
    except websockets.ConnectionClosed:
        pass


async def serve(*files):
    tls = context(ssl.PROTOCOL_TLS_SERVER, *files) if files else None
    async with websockets.serve(echo, "127.0.0.1", 0, ssl=tls, **LIMITS) as server:
        print("port", server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()


async def ask(url, jobs, *files):
    tls = context(ssl.PROTOCOL_TLS_CLIENT, *files)

    async def next_case():
        async with websockets.connect(url, ssl=tls) as connection:
            return await connection.recv()

    async def work():
        while case := await next_case():
            try:
                async with websockets.connect(case, ssl=tls, subprotocols=["conformance"], **LIMITS) as connection:
                    await echo(connection)
            except Exception:
                # Many a case is a handshake that must fail.
                pass

    await asyncio.gather(*(work() for _ in range(int(jobs))))


role, *rest = sys.argv[1:]
asyncio.run(serve(*rest) if role == "server" else ask(*rest))
