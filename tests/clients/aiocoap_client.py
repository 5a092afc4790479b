"""aiocoap against the gateway: HOST PORT DEVICE TOKEN. Prints one line of JSON with the codes of four requests."""

import asyncio
import json
import sys

from aiocoap import POST, Context, Message

host, port, device, token = sys.argv[1:5]
base = f"coap://{host}:{port}"


async def post(context, path, payload, content_format):
    request = Message(code=POST, uri=base + path, payload=payload)
    request.opt.content_format = content_format
    response = await asyncio.wait_for(context.request(request).response, 20)
    return response.code.dotted


async def main():
    context = await Context.create_client_context()
    path = f"/v1/devices/{device}/telemetry"
    large = json.dumps([{"id": f"r{n}", "tilt_deg": 1.5, "battery_pct": 80} for n in range(100)]).encode()
    codes = {
        "small": await post(context, f"{path}?token={token}", b'{"tilt_deg": 2.5}', 50),
        "blockwise": await post(context, f"{path}?token={token}", large, 50),
        "thingsboard": await post(context, f"/api/v1/{token}/telemetry", b'{"tilt_deg": 3.5}', 50),
        "wrong_token": await post(context, f"{path}?token=a-wrong-token-0123456789", b'{"tilt_deg": 2.5}', 50),
    }
    print(json.dumps(codes))
    await context.shutdown()


asyncio.run(main())
