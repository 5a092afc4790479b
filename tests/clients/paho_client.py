"""paho-mqtt against the gateway: HOST PORT DEVICE TOKEN VERSION(4|5). Prints one line of JSON."""

import json
import sys
import threading

import paho.mqtt.client as mqtt

host, port, device, token, version = sys.argv[1:6]
version = mqtt.MQTTv5 if version == "5" else mqtt.MQTTv311
# paho-mqtt 2 wants to know which callbacks are meant; version 1 has only the first.
callbacks = [mqtt.CallbackAPIVersion.VERSION1] if hasattr(mqtt, "CallbackAPIVersion") else []
client = mqtt.Client(*callbacks, client_id=device, protocol=version)
client.username_pw_set(device, token)

answered = threading.Event()
subscribed = threading.Event()
result = {}


def on_connect(client, userdata, flags, code, properties=None):
    result["code"] = int(getattr(code, "value", code))
    answered.set()


def on_subscribe(client, userdata, mid, granted, properties=None):
    result["granted"] = [int(getattr(one, "value", one)) for one in granted]
    subscribed.set()


client.on_connect = on_connect
client.on_subscribe = on_subscribe
client.connect(host, int(port), keepalive=30)
client.loop_start()
result["connected"] = answered.wait(10) and result["code"] == 0
if result["connected"]:
    client.subscribe("v1/devices/me/commands", qos=1)
    subscribed.wait(10)
    for qos in (0, 1, 2):
        message = client.publish("v1/devices/me/telemetry", json.dumps({"id": f"q{qos}", "battery_pct": 50 + qos}), qos=qos)
        message.wait_for_publish(10)
    client.disconnect()
client.loop_stop()
print(json.dumps(result))
