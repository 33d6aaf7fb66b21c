// The whole program: its settings are environment variables.
import "filesweep/deno";
