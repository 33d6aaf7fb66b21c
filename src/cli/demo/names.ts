/** What people share: names of files, as long as there are some left, and how big such files are. */
import type { Random } from "./random.ts";

export const PEOPLE = ["anna", "ben", "chiara", "david", "emma", "farid", "grace", "hugo", "ines", "jonas"] as const;

const PLACES =
  "alps, baltic, cornwall, crete, dolomites, iceland, lisbon, lofoten, norway, porto, rome, scotland, vienna";
const TRIPS = "photos.zip, trip.mp4, itinerary.pdf, map.png, tickets.pdf";
const TOPICS =
  "annual-report, apartment, application, band-rehearsal, budget, choir, client-logo, contract, course, exhibition, floor-plan, garden, kitchen, lecture, lease, meeting, newsletter, offer, portfolio, roadmap, school-play, survey, team-day, thesis, translation, website, wedding, workshop";
const FORMS =
  "slides.pptx, notes.docx, final.pdf, v2.pdf, signed.pdf, draft.docx, figures.xlsx, list.csv, poster.png, scan.pdf, recording.mp4, audio.mp3, sources.zip";

/** Some 600 names in no order; none twice. */
export function shuffledNames(random: Random): string[] {
  const camera = Array.from({ length: 60 }, (_, index) => `IMG_${4012 + index * 7}.jpg`);
  const invoices = Array.from({ length: 40 }, (_, index) => `invoice-${20260118 + index * 3}.pdf`);
  return random.shuffle([...joined(PLACES, TRIPS), ...joined(TOPICS, FORMS), ...camera, ...invoices]);
}

function joined(firsts: string, seconds: string): string[] {
  return firsts.split(", ").flatMap((first) => seconds.split(", ").map((second) => `${first}-${second}`));
}

/** From and to, in kilobytes. */
const SIZES_KB: Readonly<Record<string, readonly [from: number, to: number]>> = {
  csv: [4, 900],
  docx: [20, 1800],
  jpg: [900, 3800],
  mov: [6000, 19_000],
  mp3: [2200, 5500],
  mp4: [4000, 16_000],
  part: [600, 9000],
  pdf: [90, 5600],
  png: [200, 3800],
  pptx: [600, 7000],
  psd: [4000, 12_000],
  wav: [5000, 14_000],
  xlsx: [15, 1200],
  zip: [1500, 12_000],
};

/** A size that a file of this name might have, in bytes. */
export function sizeFor(name: string, random: Random): number {
  const [from, to] = SIZES_KB[name.slice(name.lastIndexOf(".") + 1)] ?? [50, 2000];
  return random.between(from * 1000, to * 1000);
}
