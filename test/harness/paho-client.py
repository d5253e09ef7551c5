"""paho-mqtt as a command.

    python3 paho-client.py pub PORT VERSION TOPIC QOS PAYLOAD
    python3 paho-client.py sub PORT VERSION TOPIC
"""
import os
import sys

try:
    import paho.mqtt.client as mqtt
except ImportError:
    sys.exit("paho-mqtt is missing: apt-get install python3-paho-mqtt")

VERSIONS = {"5": mqtt.MQTTv5, "311": mqtt.MQTTv311, "31": mqtt.MQTTv31}

action, port, version, topic = sys.argv[1:5]
arguments = {"client_id": f"paho-{os.getpid()}", "protocol": VERSIONS[version]}
if hasattr(mqtt, "CallbackAPIVersion"):  # since 2.0
    arguments["callback_api_version"] = mqtt.CallbackAPIVersion.VERSION1
client = mqtt.Client(**arguments)


def say(line):
    print(line, flush=True)


def on_connect(_client, _userdata, _flags, code, *_properties):
    if code != 0:
        say(f"refused: {code}")
        os._exit(1)
    if action == "sub":
        client.subscribe(topic, qos=2)
    else:
        qos, payload = sys.argv[5:7]
        client.publish(topic, payload, qos=int(qos))


client.on_connect = on_connect
client.on_message = lambda _client, _userdata, message: say(message.payload.decode())
# The broker has the message, or at QoS 0 it has left.
client.on_publish = lambda *_arguments: client.disconnect()
client.connect("127.0.0.1", int(port))
client.loop_forever()
