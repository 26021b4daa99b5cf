// Reads lines `{"kind": "json" | "form", "data": base64}`; writes what Node makes of each, or null and why not.
import { createInterface } from "node:readline";

for await (const line of createInterface({ input: process.stdin })) {
  const { kind, data } = JSON.parse(line);
  const text = Buffer.from(data, "base64").toString("utf8");
  let said;
  try {
    said = { value: kind === "json" ? JSON.parse(text) : [...new URLSearchParams(text)] };
  } catch (error) {
    said = { error: String(error) };
  }
  process.stdout.write(JSON.stringify(said) + "\n");
}
