// The whole Worker: its settings are variables, secrets and bindings.
export { default } from "filesweep/cloudflare";
