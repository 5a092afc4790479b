// MQTT.js against the gateway: HOST PORT DEVICE TOKEN VERSION(4|5). Prints one line of JSON.
import { connectAsync } from "mqtt";

const [host, port, device, token, version] = process.argv.slice(2);
const options = {
  host,
  port: Number(port),
  protocolVersion: Number(version),
  clientId: device,
  username: device,
  password: token,
  reconnectPeriod: 0,
  connectTimeout: 10_000,
};
try {
  const client = await connectAsync(options);
  const granted = await client.subscribeAsync("v1/devices/me/commands", { qos: 1 });
  for (const qos of [0, 1, 2]) {
    await client.publishAsync("v1/devices/me/telemetry", JSON.stringify({ id: `q${qos}`, battery_pct: 50 + qos }), { qos });
  }
  await client.endAsync();
  console.log(JSON.stringify({ connected: true, granted: granted.map((one) => one.qos) }));
} catch (error) {
  console.log(JSON.stringify({ connected: false, code: error.code ?? null, message: error.message }));
}
