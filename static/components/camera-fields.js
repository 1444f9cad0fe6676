// The fields of the camera form.
import { h } from "../dom.js";
import { VigieField } from "./vigie-field.js";

export function cameraFields() {
  const plain = { class: "input", autocomplete: "off", autocapitalize: "none", spellcheck: "false" };
  const text = () => h("input", { ...plain, type: "text" });
  const box = () => h("input", { type: "checkbox", class: "checkbox" });
  const transport = h("select", { class: "select" }, h("option", { value: "tcp", t: "form.transport.tcp" }), h("option", { value: "udp", t: "form.transport.udp" }));
  // "new-password": the browser must not offer this page's own log-in for a camera.
  const password = h("input", { ...plain, type: "password", autocomplete: "new-password" });
  return {
    name: new VigieField("name", "form.name", h("input", { ...plain, type: "text", maxlength: 63 }), "form.name.hint"),
    url: new VigieField("url", "form.url", h("input", { ...plain, type: "text", inputmode: "url" })),
    username: new VigieField("username", "form.username", text()),
    password: new VigieField("password", "form.password", password),
    labels: new VigieField("labels", "form.labels", text(), "form.labels.hint"),
    transport: new VigieField("transport", "form.transport", transport, "form.transport.hint"),
    look_rate: new VigieField("look_rate", "form.look_rate", h("input", { ...plain, type: "text", inputmode: "decimal" }), "form.look_rate.hint"),
    motion_gate: new VigieField("motion_gate", "form.motion_gate", box(), "form.motion_gate.hint"),
    loop: new VigieField("loop", "form.loop", box()),
    enabled: new VigieField("enabled", "form.enabled", box()),
  };
}
