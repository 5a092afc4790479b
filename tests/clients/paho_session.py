"""A device with a session of MQTT 5 that outlives the gateway's crashes: HOST PORT DEVICE TOKEN MESSAGES.

Publishes numbered messages of QoS 2 and prints a line of JSON for whatever happens: {"session"} at each connect,
{"completed"} for each message that is done, {"command"} for each command. Ends when its input is closed.
"""

import json
import sys
import threading

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

host, port, device, token, messages = sys.argv[1:6]
callbacks = [mqtt.CallbackAPIVersion.VERSION1] if hasattr(mqtt, "CallbackAPIVersion") else []
client = mqtt.Client(*callbacks, client_id=device, protocol=mqtt.MQTTv5)
client.username_pw_set(device, token)
client.max_inflight_messages_set(10)
client.reconnect_delay_set(min_delay=1, max_delay=1)

printing = threading.Lock()
completed = 0
subscribed = threading.Event()


def tell(**what):
    with printing:
        print(json.dumps(what), flush=True)


def on_connect(client, userdata, flags, code, properties=None):
    present = bool(getattr(flags, "session_present", None) or (isinstance(flags, dict) and flags.get("session present")))
    tell(session=present)
    if not present:
        client.subscribe("v1/devices/me/commands", qos=1)


def on_subscribe(client, userdata, mid, granted, properties=None):
    subscribed.set()


def on_publish(client, userdata, mid, *more):
    global completed
    completed += 1
    tell(completed=completed)


def on_message(client, userdata, message):
    tell(command=json.loads(message.payload)["id"])


client.on_connect = on_connect
client.on_subscribe = on_subscribe
client.on_publish = on_publish
client.on_message = on_message
properties = Properties(PacketTypes.CONNECT)
properties.SessionExpiryInterval = 3600
client.connect(host, int(port), keepalive=30, clean_start=False, properties=properties)
client.loop_start()
subscribed.wait(30)
for number in range(1, int(messages) + 1):
    client.publish("v1/devices/me/telemetry", json.dumps({"energy_kwh": number}), qos=2)
sys.stdin.read()
client.disconnect()
client.loop_stop()
