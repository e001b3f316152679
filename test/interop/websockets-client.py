"""Talks to an echo server: 300 kB of text and of bytes, whole and in fragments, a ping, and a clean close."""

import asyncio
import ssl
import sys

import websockets

url, ca, cert, key = sys.argv[1:]
TEXT = "aé€𝄞" * 30_000
DATA = bytes((i * 7 + (i >> 8)) % 251 for i in range(300_000))


async def main():
    context = ssl.create_default_context(cafile=ca)
    context.load_cert_chain(cert, key)
    async with websockets.connect(url, ssl=context, max_size=None) as connection:
        for message in (TEXT, DATA, "", b""):
            await connection.send(message)
            assert await connection.recv() == message
        for message in (TEXT, DATA):
            await connection.send([message[i : i + 7_001] for i in range(0, len(message), 7_001)])
            assert await connection.recv() == message
        await (await connection.ping())
    print("closed with", connection.close_code)


asyncio.run(main())
