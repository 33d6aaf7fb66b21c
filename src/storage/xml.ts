/**
 * Reads the XML that object stores answer with: elements, text, CDATA, and the five entities and character references.
 * Strict where it matters: what is cut off, unbalanced or declares anything is an error, never a shorter document. Lenient
 * in one thing: characters that XML 1.0 forbids pass, since stores write the keys they hold. Line ends stay as they are.
 */
import { SweepError } from "../core/errors.ts";

export interface XmlElement {
  /** Without its namespace's prefix. */
  readonly name: string;
  readonly children: XmlElement[];
  /** Its own text, not that of its children. */
  text: string;
}

/** The documents of a store are four levels deep. */
const MAX_DEPTH = 16;

const NAME = /^(?:[A-Za-z_][\w.-]*:)?([A-Za-z_][\w.-]*)/;
const ATTRIBUTES = /^(?:\s+[A-Za-z_][\w.:-]*\s*=\s*(?:"[^"<]*"|'[^'<]*'))*\s*$/;
const ENTITY = /&(?:#x([0-9a-fA-F]{1,6});|#([0-9]{1,7});|(lt|gt|amp|quot|apos);)?/g;
const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };

/** The root element. @throws SweepError `corrupt` for what is no whole document */
export function parseXml(source: string): XmlElement {
  const document: XmlElement = { name: "", children: [], text: "" };
  const open: XmlElement[] = [document];
  const top = (): XmlElement => open.at(-1) ?? document;
  const begin = (name: string, isWhole: boolean): void => {
    const element: XmlElement = { name, children: [], text: "" };
    top().children.push(element);
    if (!isWhole) open.push(element);
    if (open.length > MAX_DEPTH) throw malformed("it is nested too deeply");
  };
  for (let at = source.startsWith("\uFEFF") ? 1 : 0; at < source.length; ) {
    const tag = source.indexOf("<", at);
    const textEnd = tag === -1 ? source.length : tag;
    if (textEnd > at) addText(top(), document, decodeText(source.slice(at, textEnd)));
    if (tag === -1) break;
    at = readTag(source, tag, top(), { begin, end: () => void open.pop(), document });
  }
  const [root, ...others] = document.children;
  if (open.length > 1) throw malformed(`it ends within <${top().name}>`);
  if (root === undefined || others.length > 0) throw malformed("it has not one root element");
  return root;
}

interface Reading {
  begin(name: string, isWhole: boolean): void;
  end(): void;
  readonly document: XmlElement;
}

/** Reads what begins with the `<` at `tag`, and answers where it ends. */
function readTag(source: string, tag: number, top: XmlElement, reading: Reading): number {
  if (source.startsWith("<!--", tag)) return endOf(source, "-->", tag + 4);
  if (source.startsWith("<?", tag)) return endOf(source, "?>", tag + 2);
  if (source.startsWith("<![CDATA[", tag)) {
    const end = endOf(source, "]]>", tag + 9);
    addText(top, reading.document, source.slice(tag + 9, end - 3));
    return end;
  }
  if (source.startsWith("<!", tag)) throw malformed("it declares a document type");
  if (source.startsWith("</", tag)) {
    const end = endOf(source, ">", tag + 2);
    const name = NAME.exec(source.slice(tag + 2, end - 1).trimEnd())?.[1];
    if (name === undefined || name !== top.name) throw malformed(`</${name ?? ""}> closes <${top.name}>`);
    reading.end();
    return end;
  }
  const end = endOfStartTag(source, tag + 1);
  const isWhole = source[end - 2] === "/";
  const inner = source.slice(tag + 1, end - (isWhole ? 2 : 1));
  const matched = NAME.exec(inner);
  if (matched === null || !ATTRIBUTES.test(inner.slice(matched[0].length))) throw malformed("a tag makes no sense");
  reading.begin(matched[1] ?? "", isWhole);
  return end;
}

function endOf(source: string, mark: string, from: number): number {
  const end = source.indexOf(mark, from);
  if (end === -1) throw malformed("it is cut off");
  return end + mark.length;
}

/** Behind the `>` that is in no quotes. */
function endOfStartTag(source: string, from: number): number {
  let quote = "";
  for (let at = from; at < source.length; at += 1) {
    const character = source[at] ?? "";
    if (quote !== "") quote = character === quote ? "" : quote;
    else if (character === '"' || character === "'") quote = character;
    else if (character === ">") return at + 1;
  }
  throw malformed("it is cut off");
}

function addText(element: XmlElement, document: XmlElement, text: string): void {
  if (element !== document) element.text += text;
  else if (text.trim() !== "") throw malformed("there is text outside its root element");
}

function decodeText(text: string): string {
  if (!text.includes("&")) return text;
  return text.replace(ENTITY, (_whole, hex?: string, decimal?: string, name?: string) => {
    if (name !== undefined) return ENTITIES[name] ?? "";
    if (hex === undefined && decimal === undefined) throw malformed("it holds an entity that nobody knows");
    const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
    if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
      throw malformed("it holds a character that does not exist");
    return String.fromCodePoint(code);
  });
}

function malformed(why: string): SweepError {
  return new SweepError("corrupt", `the answer is no whole XML document: ${why}`);
}
