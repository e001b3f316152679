"""An echo server that demands client certificates; prints its port, and the close code of each connection."""

import asyncio
import ssl
import sys

import websockets

ca, cert, key = sys.argv[1:]


async def echo(connection):
    try:
        async for message in connection:
            await connection.send(message)
    finally:
        print("closed with", connection.close_code, flush=True)


async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(ca)
    context.load_cert_chain(cert, key)
    async with websockets.serve(echo, "127.0.0.1", 0, ssl=context, max_size=None) as server:
        print("port", server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()


asyncio.run(main())
