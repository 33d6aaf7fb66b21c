import { styleText } from "node:util";

/** Text with a colour or weight, or plain where the output has none. */
export interface Paint {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  yellow(text: string): string;
}

export function painter(enabled: boolean): Paint {
  const style =
    (format: keyof Paint) =>
    (text: string): string =>
      // Whether the stream has colours was asked before; Node would ask about stdout.
      enabled ? styleText(format, text, { validateStream: false }) : text;
  return { bold: style("bold"), dim: style("dim"), red: style("red"), yellow: style("yellow") };
}
